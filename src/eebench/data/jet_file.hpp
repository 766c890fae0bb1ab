#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "eebench/core/expression.hpp"
#include "eebench/h5/file.hpp"

namespace eebench::data {

/// Columns of a range of jets, as stored. Particle columns hold one value a particle; jet columns
/// are one value a jet.
struct JetColumns {
  std::vector<std::int64_t> offsets{0};  ///< [B+1], from 0
  std::vector<std::int64_t> labels;      ///< [B]
  std::map<std::string, Column> values;
};

/// A file of jets in compressed rows: `offsets` [J+1] and one dataset a column, part_* per
/// particle, jet_* per jet, `label` [J], and the class names in the attribute `classes`; or in
/// PELICAN's layout (pmu.hpp). Each rank opens it for itself and reads by hyperslab; only the range
/// asked for is in memory.
///
/// Whatever is wrong with it (truncated, of another version, missing column, offsets out of order,
/// empty jet, label out or not whole, NaN or infinity, energy or pT that is not above 0) is an
/// InputError that names file, dataset, index and remedy.
class JetFile {
 public:
  explicit JetFile(std::filesystem::path path);

  const std::filesystem::path& path() const { return path_; }
  std::int64_t jets() const { return jets_; }
  const std::vector<std::string>& classes() const { return classes_; }
  /// Where the jets come from, as the file says; empty where it does not.
  std::string source() const;
  /// Names of all that the file holds, also where it is no dataset and read() refuses it.
  std::vector<std::string> columns() const;
  bool has(const std::string& column) const;
  /// Jets [begin, end) with the named columns, which must be there even for an empty range.
  JetColumns read(std::int64_t begin, std::int64_t end,
                  const std::vector<std::string>& names) const;

 private:
  void check_transverse(const JetColumns& jets, std::int64_t start) const;

  std::filesystem::path path_;
  h5::File file_;
  bool pmu_;  ///< in PELICAN's layout
  std::int64_t jets_ = 0;
  std::int64_t particles_ = 0;
  std::vector<std::string> classes_;
};

}  // namespace eebench::data
