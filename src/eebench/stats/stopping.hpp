#pragma once

#include <cstdint>
#include <vector>

namespace eebench::stats {

enum class StopReason { none, converged, timeout };

/// What the criterion asks before it may call a measurement done, and when it gives up.
struct StoppingLimits {
  std::int64_t min_samples = 10;
  double min_seconds = 0.5;   ///< sum of the samples
  double max_seconds = 15.0;  ///< wall clock of the measurement
};

/// Half-width of the 95 % interval of the median at most `max_half_width` of the median; for
/// heavy-tailed samples such as latencies. Sorts when it looks, at every multiple of an eighth of
/// the samples it holds.
class MedianIntervalCriterion {
 public:
  explicit MedianIntervalCriterion(const StoppingLimits& limits, double max_half_width = 0.01)
      : limits_(limits), max_half_width_(max_half_width) {}
  /// Takes one sample and the wall time since the measurement began, both in seconds.
  StopReason add(double sample, double wall_seconds);

 private:
  StoppingLimits limits_;
  double max_half_width_;
  double sum_ = 0.0;
  std::vector<double> samples_;
  std::size_t next_look_ = 0;
};

}  // namespace eebench::stats
