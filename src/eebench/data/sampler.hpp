#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <vector>

#include "eebench/comm/communicator.hpp"
#include "eebench/data/jet_source.hpp"

namespace eebench::data {

/// The order of training: one permutation of the epoch's jets per epoch, a function of the seed
/// alone, cut into global batches. A data set larger than a window is shuffled in two steps, blocks
/// of consecutive jets first and then the jets within a window of blocks, so that a window and not
/// the data set has to be in memory.
class GlobalOrder {
 public:
  static constexpr std::int64_t block_jets = 1024;
  static constexpr std::int64_t default_window = 256 * block_jets;

  GlobalOrder(std::int64_t jets, std::int64_t global_batch, std::uint64_t seed,
              std::int64_t window = default_window);

  /// Whole global batches of an epoch; the jets left over differ from epoch to epoch.
  std::int64_t batches() const { return jets_ / global_batch_; }
  std::int64_t global_batch() const { return global_batch_; }
  std::uint64_t seed() const { return seed_; }
  /// Positions [begin, end) of the epoch's order that window w holds.
  std::int64_t window_begin(std::int64_t w) const { return std::min(w * window_, jets_); }
  /// Jets of window w in the order of the epoch.
  std::vector<std::int64_t> window(std::int64_t epoch, std::int64_t w) const;

 private:
  std::int64_t jets_;
  std::int64_t global_batch_;
  std::uint64_t seed_;
  std::int64_t window_;
};

/// Jets of an epoch: all of a source, or as many as its weights draw.
std::int64_t jets_of_epoch(const JetSource& source);

/// This rank's part of the global batches: positions [G r / R, G (r + 1) / R) of each. In memory
/// are the jets of its own parts of one window.
class TrainingJets {
 public:
  /// `order`: of jets_of_epoch(source). Throws InputError for a global batch smaller than the
  /// number of ranks.
  TrainingJets(const JetSource& source, GlobalOrder order, const comm::Communicator& comm);

  const GlobalOrder& order() const { return order_; }
  /// This rank's jets of a global batch.
  JetBatch batch(std::int64_t epoch, std::int64_t batch);

 private:
  void load(std::int64_t epoch, std::int64_t window);

  const JetSource& source_;
  GlobalOrder order_;
  int rank_;
  int size_;
  std::int64_t loaded_epoch_ = -1;
  std::int64_t loaded_window_ = -1;
  std::vector<std::int64_t> window_order_;
  JetBatch held_;
  std::map<std::int64_t, std::int64_t> position_of_;  ///< jet to its place in held_
};

}  // namespace eebench::data
