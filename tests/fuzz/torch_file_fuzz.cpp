#include "eebench/model/torch_file.hpp"
#include "tests/fuzz/fuzz.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return eebench::test::fuzz(data, size,
                             [](const auto& path) { eebench::model::read_torch_file(path); });
}
