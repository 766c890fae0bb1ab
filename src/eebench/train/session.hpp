#pragma once

#include <cmath>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "eebench/comm/all_reducer.hpp"
#include "eebench/core/error.hpp"
#include "eebench/data/jet_source.hpp"
#include "eebench/model/registry.hpp"
#include "eebench/train/settings.hpp"

namespace eebench::train {

/// One training, from the command line to the files it leaves.
struct Session {
  model::ModelConfig model;
  Settings settings;
  /// Folder: weights.h5, checkpoints/, train_log.csv, epochs.csv, config.toml
  std::filesystem::path output;
  std::filesystem::path weights;  ///< to begin with; empty: drawn from the seed
  std::string command_line;       ///< to be pasted into a shell: kept with the weights
  bool resume = false;
  std::string device = "cpu";
  std::string back_end;                              ///< of the all-reduce; empty: what fits
  int threads = 1;                                   ///< of each rank
  std::function<void(const std::string&)> progress;  ///< a line for the user, root only
  std::function<void(const std::string&)> phase;     ///< what we are doing, for the watchdog
  std::function<bool()> interrupted;                 ///< a signal asked to stop
};

/// What a training was like, for tables and for the benchmark.
struct Summary {
  std::int64_t steps = 0;
  double first_loss = std::nan("");  ///< of this run's first step
  double last_loss = std::nan("");
  double seconds = 0.0;  ///< spent in steps: without validation, checkpoints and hashes
  double jets_per_second = 0.0;
  double all_reduce_share = 0.0;  ///< of the time, blocked in the all-reduce, this rank
  double all_reduce_bytes = 0.0;  ///< summed by this rank
  double all_reduce_seconds = 0.0;
  double all_reduce_hidden = std::nan("");  ///< share of the sums hidden behind computation
  std::string frozen_sha256;    ///< of what is frozen, the same before and after; else empty
  ExitCode end = ExitCode::ok;  ///< or preempted
};

/// \collective Trains until the epochs or steps are done, an early stop, or an interruption.
/// Validation jets are optional; without them the last weights are kept as best. Throws InputError
/// for settings, weights or checkpoints that do not fit.
Summary run(const Session& session, const data::JetSource& training,
            const data::JetSource* validation, std::int64_t features,
            const comm::Communicator& comm);

}  // namespace eebench::train
