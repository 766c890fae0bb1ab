#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "eebench/bench/grid.hpp"
#include "eebench/bench/job.hpp"
#include "eebench/bench/schema.hpp"
#include "eebench/bench/values.hpp"
#include "eebench/comm/communicator.hpp"
#include "eebench/h5/attributes.hpp"
#include "eebench/h5/file.hpp"

namespace eebench::bench {

enum class State { pending, ok, failed };

using Attributes = h5::Attributes;

/// Sizes and names of a task file. All but points, place, job and hosts is the same in every task
/// of a campaign.
struct Layout {
  std::vector<Point> points;
  std::int64_t shard = 0;
  std::int64_t repeat = 0;
  JobSize job;
  bool oversubscribed = false;     ///< more threads of all ranks of a node than it has cores
  std::int64_t exits = 0;          ///< of the suite's deepest network
  std::vector<std::string> rules;  ///< rule_names() of the grid
  std::vector<std::string> models;
  std::vector<std::string> classes;
  std::vector<std::string> hosts;  ///< [ranks]
  std::int64_t samples = 0;
};

/// Bytes that the variables of such a file take.
std::int64_t size_of(const Layout& layout);

/// The results of a campaign, written by all ranks through MPI-IO: format of results/README.md.
class TaskFile {
 public:
  /// \collective Creates every variable in full size, with the settings of all points, state
  /// pending, everything else at its fill value; flushes.
  static TaskFile create(const std::filesystem::path& path, const comm::Communicator& comm,
                         const Layout& layout, const Attributes& attributes);
  /// \collective Opens a file that was left unfinished. Throws InputError where it is damaged or
  /// holds other points.
  static TaskFile reopen(const std::filesystem::path& path, const comm::Communicator& comm,
                         const Layout& layout);

  /// \collective Writes a whole row; the root's values count. Values that are absent become fill.
  void write(const Point& point, const Values& values);
  /// \collective
  void set_state(std::int64_t point, State state);
  /// \collective
  void flush() { file_.flush(); }
  /// \collective
  void close();

 private:
  struct Variable {
    std::string name;
    const VariableSpec* spec;
    h5::Dataset dataset;
  };
  TaskFile(h5::File file, const comm::Communicator& comm, Layout layout);
  void create_variables();
  void open_variables();
  void write_row(Variable& variable, const Point& point, const std::vector<double>& values);
  Variable& variable(std::string_view name);

  h5::File file_;
  comm::Communicator comm_;
  Layout layout_;
  std::vector<Variable> variables_;
};

}  // namespace eebench::bench
