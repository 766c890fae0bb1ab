#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "eebench/bench/grid.hpp"
#include "eebench/bench/subject.hpp"
#include "eebench/bench/suite.hpp"
#include "eebench/bench/task_file.hpp"
#include "eebench/bench/values.hpp"
#include "eebench/comm/communicator.hpp"

namespace eebench::bench {

/// Where a campaign stands after a point.
struct Standing {
  std::int64_t done = 0;  ///< points that need no more work, failed ones included
  std::int64_t points = 0;
  std::int64_t failed = 0;
  const Point* point = nullptr;
  const std::string* model = nullptr;
  const Values* values = nullptr;  ///< null for a point that failed
};

/// What a campaign needs of its surroundings. Every rank is told.
struct Hooks {
  OpenSubject open;
  /// A stage begins: "particlenet: all exits", "point 17".
  std::function<void(const std::string& stage)> on_stage = [](const std::string&) {};
  /// The campaign is ours, its files are open and all jets were read; nothing is measured yet.
  std::function<void()> before_measuring = [] {};
  /// How much of this rank's share of a pass over the jets is done.
  std::function<void(std::int64_t done, std::int64_t all)> on_pass = [](std::int64_t,
                                                                        std::int64_t) {};
  /// A line for the user: how large the grid is, what is to be minded.
  std::function<void(const std::string& line)> say = [](const std::string&) {};
  std::function<void(const Standing&)> on_point = [](const Standing&) {};
  /// Whether this process was asked to stop; looked at between points.
  std::function<bool()> stop_requested = [] { return false; };
  /// Finished points are made safe, and seen by `eebench status`, at least this often.
  double sync_seconds = 0.5;
};

struct FailedPoint {
  std::int64_t point = 0;
  std::string error;
};

struct Outcome {
  std::int64_t points = 0;   ///< of the shard
  std::int64_t resumed = 0;  ///< found finished
  std::vector<FailedPoint> failed;
  bool stopped = false;  ///< asked to stop; --resume goes on
};

/// Names of the files of a campaign, as one of its shards sees them.
struct CampaignFolder {
  std::filesystem::path root;
  std::int64_t shard = 0;
  std::int64_t shards = 1;
  std::filesystem::path manifest() const { return root / "manifest.json"; }
  std::filesystem::path merged() const { return root / "merged.h5"; }
  std::filesystem::path tasks() const { return root / "tasks"; }
  std::filesystem::path task() const { return tasks() / fmt::format("{:04}", shard); }
  std::filesystem::path task_file() const { return task() / "task.h5"; }
  std::filesystem::path scores(const std::string& model) const {
    return root / "scores" / (model + ".h5");
  }
};

/// \collective Measures every point of the folder's shard into its task: those that manifest.json
/// gives it, or without one an equal share of the suite. Where jets turn out to be bad, a new
/// folder is left as it was. With `resume`, what is safe there stays, and failed points are tried
/// again. Throws InputError where the folder holds another campaign, or this shard was begun
/// although `resume` was not asked for.
Outcome run_campaign(const comm::Communicator& comm, const Suite& suite,
                     const CampaignFolder& folder, bool resume, const Attributes& provenance,
                     const Hooks& hooks);

}  // namespace eebench::bench
