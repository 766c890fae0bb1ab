#include "eebench/stats/stopping.hpp"

#include <algorithm>
#include <cmath>

#include "eebench/stats/interval.hpp"
#include "eebench/stats/quantile.hpp"

namespace eebench::stats {
namespace {

constexpr std::size_t noise_window = 512;
constexpr std::size_t noise_least = 64;
constexpr std::int64_t noise_stride = 16;
constexpr double noise_spread = 0.05;

double relative_spread(const std::deque<double>& values) {
  double mean = 0.0;
  for (const double value : values) {
    mean += value;
  }
  const double n = static_cast<double>(values.size());
  mean /= n;
  double squares = 0.0;
  for (const double value : values) {
    squares += (value - mean) * (value - mean);
  }
  return mean > 0.0 ? std::sqrt(squares / (n - 1.0)) / mean : 0.0;
}

bool enough(const StoppingLimits& limits, std::int64_t samples, double seconds) {
  return samples >= limits.min_samples && seconds >= limits.min_seconds;
}

}  // namespace

std::string_view name(StopReason reason) {
  switch (reason) {
    case StopReason::none:
      return "none";
    case StopReason::converged:
      return "converged";
    case StopReason::noise_stable:
      return "noise_stable";
    case StopReason::timeout:
      return "timeout";
  }
  return "none";
}

StopReason RelativeNoiseCriterion::add(double sample, double wall_seconds) {
  ++count_;
  sum_ += sample;
  const double before = sample - mean_;
  mean_ += before / static_cast<double>(count_);
  squares_ += before * (sample - mean_);
  if (count_ > 1 && mean_ > 0.0) {
    noise_.push_back(std::sqrt(squares_ / static_cast<double>(count_ - 1)) / mean_);
    if (noise_.size() > noise_window) {
      noise_.pop_front();
    }
  }
  if (enough(limits_, count_, sum_) && !noise_.empty()) {
    if (noise_.back() <= max_noise_) {
      return StopReason::converged;
    }
    if (noise_.size() >= noise_least && count_ % noise_stride == 0 &&
        relative_spread(noise_) < noise_spread) {
      return StopReason::noise_stable;
    }
  }
  return wall_seconds >= limits_.max_seconds ? StopReason::timeout : StopReason::none;
}

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
