#include "eebench/data/jet_file.hpp"
#include "tests/fuzz/hdf5_fuzz.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static constexpr std::array attributes{"format_version", "classes", "source"};
  static constexpr std::array datasets{"offsets", "label", "part_px",  "part_py",
                                       "jet_pt",  "Pmu",   "is_signal"};
  return eebench::test::fuzz_hdf5(data, size, attributes, datasets, [](const auto& path) {
    const eebench::data::JetFile file(path);
    file.source();
    file.read(0, file.jets(), {"part_px", "part_py", "jet_pt"});
  });
}
