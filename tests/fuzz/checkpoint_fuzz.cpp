#include "eebench/train/checkpoint.hpp"
#include "tests/fuzz/hdf5_fuzz.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static constexpr std::array attributes{"format_version",
                                         "model_config",
                                         "origin",
                                         "sha256",
                                         "whole_sha256",
                                         "training",
                                         "checkpoint_version",
                                         "step",
                                         "state_sha256",
                                         "world_size",
                                         "best",
                                         "gates_data",
                                         "gates_data_sha256",
                                         "gates_jets",
                                         "gates_lambda",
                                         "gates_sha256"};
  static constexpr std::array datasets{"gates/0", "gates/margin/0", "weights/a", "weights/b",
                                       "weights/optimiser.step"};
  return eebench::test::fuzz_hdf5(data, size, attributes, datasets, [](const auto& path) {
    eebench::train::newest_checkpoint(path.parent_path(), [](const std::string&) {});
    eebench::model::read_weights(path);
  });
}
