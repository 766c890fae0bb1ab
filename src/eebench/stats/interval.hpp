#pragma once

#include <cstdint>
#include <functional>
#include <span>

namespace eebench::stats {

/// Two-sided quantile of the normal distribution for 95 % confidence.
inline constexpr double z_95 = 1.959963984540054;

/// A 95 % confidence interval; both ends NaN where the samples do not allow one.
struct Interval {
  double low;
  double high;
};

/// Order-statistic interval of the median: 1-based ranks floor((n - z sqrt n)/2) and
/// ceil(1 + (n + z sqrt n)/2) (Hoefler, Belli, SC'15). Both are rounded outwards, so few samples
/// are covered more often: 99 % of the time for 8, 97 % for 101. NaN for fewer than 8 samples.
Interval median_interval(std::span<const double> samples);

/// Wilson score interval of a proportion; NaN for no trials.
Interval wilson_interval(std::int64_t successes, std::int64_t trials);

using Statistic = std::function<double(std::span<const double>)>;

/// Percentile bootstrap of a statistic. Every draw is keyed by (seed, replica, position), so the
/// result does not depend on the machine. NaN for fewer than 2 samples.
Interval bootstrap_interval(std::span<const double> samples, const Statistic& statistic,
                            std::uint64_t seed, std::int64_t replicas = 1000);

}  // namespace eebench::stats
