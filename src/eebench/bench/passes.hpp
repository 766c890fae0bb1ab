#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "eebench/data/jet_batch.hpp"
#include "eebench/exec/executor.hpp"

namespace eebench::bench {

/// What repeated passes over the same batches were like.
struct Passes {
  std::vector<double> jets_per_second;  ///< [repeats] hand-over of each batch to its last answer
  /// [exits][repeats] seconds a jet of the pass, whether or not it came so far; the stem counts to
  /// segment 0.
  std::vector<std::vector<double>> segment_seconds;
  std::vector<std::vector<double>> head_seconds;
  std::vector<std::int64_t> segment_peak_bytes;  ///< [exits] of the largest batch
  std::vector<std::int64_t> head_peak_bytes;
  std::int64_t peak_bytes = 0;
  double multiply_adds = 0.0;         ///< counted, a jet
  std::vector<double> exit_fraction;  ///< [exits] of jets
};

/// Runs the first batch to warm up, then all of them `repeats` times. At least one batch and one
/// repeat.
Passes time_passes(std::span<const data::JetBatch> batches, std::int64_t repeats,
                   const std::function<exec::BatchTrace(const data::JetBatch&)>& run);

}  // namespace eebench::bench
