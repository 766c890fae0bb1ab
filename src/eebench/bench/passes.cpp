#include "eebench/bench/passes.hpp"

#include <algorithm>
#include <cmath>

namespace eebench::bench {
namespace {

void keep_largest(std::vector<std::int64_t>& largest, const std::vector<std::int64_t>& values) {
  largest.resize(values.size(), 0);
  std::transform(values.begin(), values.end(), largest.begin(), largest.begin(),
                 [](std::int64_t a, std::int64_t b) { return std::max(a, b); });
}

/// What was not run, NaN, adds nothing.
void add(std::vector<double>& sums, const std::vector<double>& values) {
  sums.resize(values.size(), 0.0);
  std::transform(values.begin(), values.end(), sums.begin(), sums.begin(),
                 [](double value, double sum) { return std::isnan(value) ? sum : sum + value; });
}

}  // namespace

Passes time_passes(std::span<const data::JetBatch> batches, std::int64_t repeats,
                   const std::function<exec::BatchTrace(const data::JetBatch&)>& run) {
  const std::size_t exits = run(batches.front()).segment_seconds.size();
  double jets = 0.0;
  for (const data::JetBatch& batch : batches) {
    jets += static_cast<double>(batch.size());
  }
  Passes passes;
  passes.segment_seconds.resize(exits);
  passes.head_seconds.resize(exits);
  for (std::int64_t repeat = 0; repeat < repeats; ++repeat) {
    double seconds = 0.0;
    double multiply_adds = 0.0;
    std::vector<double> segments;
    std::vector<double> heads;
    std::vector<double> left(exits, 0.0);
    for (const data::JetBatch& batch : batches) {
      const exec::BatchTrace trace = run(batch);
      seconds += trace.seconds;
      multiply_adds += static_cast<double>(trace.work.multiply_adds);
      add(segments, trace.segment_seconds);
      add(heads, trace.head_seconds);
      keep_largest(passes.segment_peak_bytes, trace.segment_peak_bytes);
      keep_largest(passes.head_peak_bytes, trace.head_peak_bytes);
      passes.peak_bytes = std::max(passes.peak_bytes, trace.peak_bytes);
      for (const std::int32_t exit : trace.exit_index) {
        left[static_cast<std::size_t>(exit)] += 1.0 / jets;
      }
    }
    passes.jets_per_second.push_back(jets / seconds);
    passes.multiply_adds = multiply_adds / jets;
    passes.exit_fraction = left;
    for (std::size_t k = 0; k < exits; ++k) {
      passes.segment_seconds[k].push_back(segments[k] / jets);
      passes.head_seconds[k].push_back(heads[k] / jets);
    }
  }
  return passes;
}

}  // namespace eebench::bench
