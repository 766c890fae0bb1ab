#include "eebench/stats/stopping.hpp"

#include <algorithm>

#include "eebench/stats/interval.hpp"
#include "eebench/stats/quantile.hpp"

namespace eebench::stats {
namespace {

bool enough(const StoppingLimits& limits, std::int64_t samples, double seconds) {
  return samples >= limits.min_samples && seconds >= limits.min_seconds;
}

}  // namespace

StopReason MedianIntervalCriterion::add(double sample, double wall_seconds) {
  samples_.push_back(sample);
  sum_ += sample;
  const std::size_t n = samples_.size();
  if (n >= next_look_ && enough(limits_, static_cast<std::int64_t>(n), sum_)) {
    next_look_ = n + std::max<std::size_t>(1, n / 8);
    const Interval interval = median_interval(samples_);
    if ((interval.high - interval.low) / 2.0 <= max_half_width_ * median(samples_)) {
      return StopReason::converged;
    }
  }
  return wall_seconds >= limits_.max_seconds ? StopReason::timeout : StopReason::none;
}

}  // namespace eebench::stats
