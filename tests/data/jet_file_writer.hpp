#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "eebench/h5/file.hpp"

namespace eebench::test {

/// Three sound jets of 2, 1 and 3 particles with four-vectors; tests spoil them and write them.
struct JetFileContent {
  std::vector<std::int64_t> offsets{0, 2, 3, 6};
  std::vector<std::int64_t> label{0, 1, 0};
  std::vector<std::string> classes{"QCD", "Hbb"};
  std::map<std::string, std::vector<float>> columns{
      {"part_px", {30, 20, 50, 10, 9, 8}}, {"part_py", {40, 5, 6, 20, -4, 3}},
      {"part_pz", {10, 7, -8, 1, 2, 3}},   {"part_energy", {60, 22, 51, 25, 12, 10}},
      {"jet_pt", {67, 50.3F, 34}},         {"jet_eta", {0.25F, -0.16F, 0.1F}},
      {"jet_phi", {0.73F, 0.12F, 0.62F}},  {"jet_energy", {82, 51, 47}},
  };

  void write(const std::filesystem::path& path) const {
    h5::File file = h5::File::create(path);
    file.array<std::int64_t>("offsets", {offsets.size()}).write(offsets);
    if (!label.empty()) {
      file.array<std::int64_t>("label", {label.size()}).write(label);
    }
    for (const auto& [name, values] : columns) {
      file.array<float>(name, {values.size()}).write(values);
    }
    if (!classes.empty()) {
      file.set_attribute("classes", classes);
    }
    file.close();
  }
};

}  // namespace eebench::test
