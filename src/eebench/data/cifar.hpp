#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "eebench/data/data_config.hpp"
#include "eebench/data/jet_batch.hpp"

namespace eebench::data {

/// Images in the binary format of CIFAR-10: records of one byte, the label, and the 3 x 32 x 32
/// bytes of the red, green and blue plane, each row by row. One file, or the data_batch_*.bin of a
/// folder one after another. Only the range asked for is in memory.
///
/// Whatever is wrong with it (no image, cut off, label above 9) is an InputError that names file,
/// image and remedy.
class CifarFiles {
 public:
  static constexpr std::array<std::int64_t, 3> shape{3, 32, 32};

  /// Whether a path is meant: a name that ends in .bin or a folder with such files.
  static bool match(const std::filesystem::path& path);

  /// Of a path that matches.
  explicit CifarFiles(std::filesystem::path path);

  const std::filesystem::path& path() const { return path_; }
  const std::vector<std::filesystem::path>& files() const { return files_; }
  std::int64_t images() const { return ends_.back(); }
  const std::vector<std::string>& classes() const;
  std::vector<std::int64_t> labels(std::int64_t begin, std::int64_t end) const;
  /// Images [begin, end), each a jet of one particle: its features are the pixels, from 0 to 1 and
  /// then standardised by the variable of their place; points and vectors are 0.
  JetBatch read(std::int64_t begin, std::int64_t end, const std::vector<Variable>& pixels) const;

 private:
  /// Their records one after another.
  std::vector<unsigned char> records(std::int64_t begin, std::int64_t end) const;

  std::filesystem::path path_;
  std::vector<std::filesystem::path> files_;
  std::vector<std::int64_t> ends_;  ///< images of each file and all before it
};

}  // namespace eebench::data
