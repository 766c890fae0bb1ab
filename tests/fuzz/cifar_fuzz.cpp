#include "eebench/data/cifar.hpp"
#include "tests/fuzz/fuzz.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return eebench::test::fuzz(data, size, [](const auto& path) {
    const eebench::data::CifarFiles files(path);
    const std::vector<eebench::data::Variable> pixels(std::size_t{3} * 32 * 32);
    files.read(0, files.images(), pixels);
  });
}
