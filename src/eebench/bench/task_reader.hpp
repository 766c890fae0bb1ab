#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "eebench/bench/job.hpp"
#include "eebench/h5/file.hpp"

namespace eebench::bench {

/// A task file, finished or not, read by one rank.
class TaskReader {
 public:
  /// Throws InputError where it is no task file of this major version.
  explicit TaskReader(const std::filesystem::path& path);

  std::size_t points() const { return points_; }
  /// Length of a dimension.
  std::size_t length(const std::string& dimension) const;
  /// All values of a variable, row-major; fill values of integers as they are.
  std::vector<double> values(const std::string& variable) const;
  std::vector<std::string> texts(const std::string& variable) const;
  bool is_enumeration(const std::string& variable) const;
  /// For an enumeration: the name of each point's value, empty for fill.
  std::vector<std::string> names(const std::string& variable) const;
  bool has(const std::string& variable) const { return file_.has(variable); }
  /// Of each point; before format 1.6 one job had measured all.
  std::vector<JobSize> jobs() const;
  bool has_attribute(const std::string& name) const;
  std::string attribute(const std::string& name) const;
  std::int64_t integer_attribute(const std::string& name) const;
  double number_attribute(const std::string& name) const;

 private:
  h5::File file_;
  std::size_t points_ = 0;
};

}  // namespace eebench::bench
