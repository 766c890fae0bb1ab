#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "eebench/data/cifar.hpp"
#include "eebench/data/data_config.hpp"
#include "eebench/data/jet_file.hpp"

namespace eebench::data {

struct ClassCount {
  std::string name;
  std::int64_t jets = 0;
};

struct MultiplicityQuantile {
  double level = 0.0;  ///< 0 is the smallest, 1 the largest
  std::int64_t particles =
      0;  ///< the smallest count that at least this share of jets does not exceed
};

/// What a jet file holds.
struct DataInfo {
  std::uint64_t bytes = 0;
  std::string sha256;  ///< of the file's bytes
  std::string source;  ///< as the file says; empty where it does not
  std::int64_t jets = 0;
  std::int64_t particles = 0;
  std::vector<ClassCount> classes;
  double mean_multiplicity = 0.0;
  std::vector<MultiplicityQuantile> multiplicity;  ///< at 0, 0.05, 0.25, 0.5, 0.75, 0.95, 1
  std::int64_t limit = 0;
  std::int64_t above_limit = 0;  ///< jets with more constituents than the limit
  /// The first whose constituents do not stand in falling pT, within 1e-4; -1 for none.
  std::int64_t first_unsorted = -1;
  std::vector<std::string> particle_columns;
  std::vector<std::string> jet_columns;
};

/// Reads the whole file once, a chunk at a time, and so finds whatever is wrong with it (the
/// InputError of JetFile). `limit` is how many constituents the networks keep.
DataInfo describe(const JetFile& file, std::int64_t limit = kept_constituents);

/// What files of images hold.
struct ImageInfo {
  std::uint64_t bytes = 0;
  std::string sha256;  ///< as joint_sha256
  std::int64_t images = 0;
  std::vector<ClassCount> classes;
};

/// Reads everything once, as the other.
ImageInfo describe(const CifarFiles& files);

}  // namespace eebench::data
