#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "eebench/data/jet_batch.hpp"
#include "eebench/exec/precision.hpp"
#include "eebench/exits/rule.hpp"
#include "eebench/nn/work.hpp"

namespace eebench::model {
class Network;
}

namespace eebench::exec {

/// What every exit says of a batch.
struct EveryExit {
  std::vector<float> logits;                   ///< [B, exits, classes]
  std::vector<std::vector<float>> embeddings;  ///< [exits - 1] of [B, E]
};

/// How a network is run.
struct Settings {
  std::string device = "cpu";  ///< "cpu" or "cuda": one GPU per rank of a node
  /// Insists on fixed-order kernels, with which run and replay agree on every jet. The fast kernels
  /// of CPUs are such kernels anyway; other devices are refused.
  bool deterministic = false;
  Precision precision = Precision::fp32;
  int threads = 1;     ///< threads of this rank
  int local_rank = 0;  ///< among the ranks of the node: which GPU is this one's
};

/// What happened to one batch, and when. Times are seconds of a monotonic clock, taken after the
/// device has finished; they include heads, scores, decisions and compaction. Jets keep the order
/// of the batch.
struct BatchTrace {
  double seconds = 0.0;                  ///< from hand-over of the batch to its last answer
  std::vector<float> logits;             ///< [B, classes] of the exit that each jet took
  std::vector<std::int32_t> exit_index;  ///< [B] the exit that each jet took
  std::vector<double> answer_seconds;    ///< [exits] hand-over to the answers of exit k; else NaN
  std::vector<std::int64_t> survivors;   ///< [exits] jets that entered segment k
  std::vector<double> segment_seconds;   ///< [exits] segment k, with 0 the stem; NaN: not run
  std::vector<double> head_seconds;      ///< [exits] head, score and decision; NaN: not run
  double compact_seconds = 0.0;          ///< gathering survivors, all exits together
  nn::Work work;                         ///< counted by the operations themselves
  std::int64_t peak_bytes = 0;           ///< most memory that tensors held at once, beside weights
  std::vector<std::int64_t> segment_peak_bytes;  ///< [exits] the same while segment k ran
  std::vector<std::int64_t> head_peak_bytes;     ///< [exits] the same while head k ran
};

/// Cost of one jet by the network's formulas.
struct JetCost {
  nn::Work work;
  std::int64_t parameters = 0;
};

/// A loaded network with exits, ready for inference on one device. Exits count from 0; the last is
/// the network's own classifier.
class Executor {
 public:
  virtual ~Executor() = default;
  virtual std::int64_t exits() const = 0;
  virtual std::int64_t classes() const = 0;

  /// Runs every segment and every head.
  virtual EveryExit replay(const data::JetBatch& batch) = 0;
  /// Really leaves: after each head the jets whose score reaches the threshold are done, and only
  /// the others go on. `thresholds`: [exits - 1].
  virtual BatchTrace run(const data::JetBatch& batch, const exits::Rule& rule,
                         std::span<const double> thresholds) = 0;
  /// The same answers and exits, but every jet goes through every segment and head: what it takes
  /// to decide without leaving. All answers come at the end.
  virtual BatchTrace run_whole(const data::JetBatch& batch, const exits::Rule& rule,
                               std::span<const double> thresholds) = 0;
  /// Every jet through segments 0..exit and head `exit` alone: the network cut there, without
  /// scores and decisions. The last exit gives the network without any early head.
  virtual BatchTrace run_fixed(const data::JetBatch& batch, std::int64_t exit) = 0;

  /// A jet of n constituents that leaves at `exit`, with every head run on the way.
  virtual JetCost cost(std::int64_t exit, std::int64_t n) const = 0;
  /// The same for `run_fixed`: head `exit` alone.
  virtual JetCost plain_cost(std::int64_t exit, std::int64_t n) const = 0;
};

/// Prepares a loaded network for inference on its device. Throws EnvironmentError for a device that
/// is not there.
std::unique_ptr<Executor> make_executor(std::unique_ptr<model::Network> network,
                                        const Settings& settings);

}  // namespace eebench::exec
