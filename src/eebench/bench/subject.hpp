#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "eebench/bench/grid.hpp"
#include "eebench/bench/suite.hpp"
#include "eebench/bench/task_file.hpp"
#include "eebench/comm/communicator.hpp"
#include "eebench/data/read_ahead.hpp"
#include "eebench/exec/executor.hpp"
#include "eebench/exits/gate.hpp"

namespace eebench::bench {

/// A data set as a network wants it.
struct Jets {
  std::string sha256;  ///< of the file
  std::int64_t count = 0;
  /// Jets [begin, end) with the features of this network.
  data::ReadJets read;
  /// How many of them have more constituents than networks keep, and lose those.
  std::function<std::int64_t(std::int64_t begin, std::int64_t end)> cut =
      [](std::int64_t, std::int64_t) { return 0; };
  /// Where a jet stands in the file; empty where all of its jets count.
  std::function<std::int64_t(std::int64_t jet)> place;
};

/// \collective Of the first `count` jets, those that lose constituents.
std::int64_t count_cut(const comm::Communicator& comm, const Jets& jets, std::int64_t count);

/// A network, loaded, with the jets it is measured on.
struct Subject {
  std::unique_ptr<exec::Executor> executor;
  std::string weights_sha256;
  std::string network_sha256;        ///< of what network and inputs are built from
  std::vector<std::string> classes;  ///< names, in the order of the logits
  exits::Fits fits;                  ///< for rules that need them
  std::string gates_sha256;          ///< of these fits
  std::string gates_data_sha256;     ///< of the jet file that they were fitted on
  Jets jets;
  Jets choosing;  ///< those that thresholds are chosen on; none where the suite has them given
};

/// Loads a network of the suite and opens the suite's data for it. \collective
using OpenSubject = std::function<Subject(const ModelEntry& model, const Suite& suite)>;

/// Of the subject's jets, the number that the suite reports on.
std::int64_t jets_of(const Subject& subject, const Suite& suite);

/// \collective All networks of the suite. Throws InputError where they have other classes, or fewer
/// jets than a batch.
std::vector<Subject> open_subjects(const Suite& suite, const OpenSubject& open,
                                   const std::function<void(const std::string&)>& on_stage);

/// make_grid() of these networks. Throws InputError where a rule does not suit one of them.
std::vector<Point> grid_of(const Suite& suite, std::span<const Subject> subjects);

/// Of a task with all of the grid, on ranks with these hosts.
Layout layout_of(const Suite& suite, std::span<const Subject> subjects, std::vector<Point> grid,
                 std::vector<std::string> hosts);

}  // namespace eebench::bench
