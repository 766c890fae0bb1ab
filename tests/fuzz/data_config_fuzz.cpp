#include "eebench/data/data_config.hpp"
#include "tests/fuzz/fuzz.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return eebench::test::fuzz(
      data, size, [](const auto& path) { eebench::data::DataConfig::load(path).columns(true); });
}
