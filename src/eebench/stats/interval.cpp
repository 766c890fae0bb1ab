#include "eebench/stats/interval.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "eebench/core/random.hpp"
#include "eebench/stats/quantile.hpp"

namespace eebench::stats {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

}  // namespace

Interval median_interval(std::span<const double> samples) {
  if (samples.size() < 8) {
    return {nan, nan};
  }
  std::vector<double> sorted(samples.begin(), samples.end());
  std::sort(sorted.begin(), sorted.end());
  const double n = static_cast<double>(sorted.size());
  const double width = z_95 * std::sqrt(n);
  const auto at_rank = [&](double rank) {
    return sorted[static_cast<std::size_t>(std::clamp(rank, 1.0, n)) - 1];
  };
  return {at_rank(std::floor((n - width) / 2.0)), at_rank(std::ceil(1.0 + (n + width) / 2.0))};
}

Interval wilson_interval(std::int64_t successes, std::int64_t trials) {
  if (trials <= 0) {
    return {nan, nan};
  }
  const double n = static_cast<double>(trials);
  const double p = static_cast<double>(successes) / n;
  const double z2 = z_95 * z_95;
  const double centre = (p + z2 / (2.0 * n)) / (1.0 + z2 / n);
  const double half = z_95 / (1.0 + z2 / n) * std::sqrt(p * (1.0 - p) / n + z2 / (4.0 * n * n));
  return {successes == 0 ? 0.0 : centre - half, successes == trials ? 1.0 : centre + half};
}

Interval bootstrap_interval(std::span<const double> samples, const Statistic& statistic,
                            std::uint64_t seed, std::int64_t replicas) {
  if (samples.size() < 2 || replicas < 1) {
    return {nan, nan};
  }
  const double n = static_cast<double>(samples.size());
  std::vector<double> drawn(samples.size());
  std::vector<double> values(static_cast<std::size_t>(replicas));
  for (std::size_t r = 0; r < values.size(); ++r) {
    const std::uint64_t key = random_key(seed, Stream::bootstrap, {r});
    for (std::size_t i = 0; i < drawn.size(); ++i) {
      drawn[i] = samples[static_cast<std::size_t>(uniform(key, i) * n)];
    }
    values[r] = statistic(drawn);
  }
  return {nearest_rank(values, 0.025), nearest_rank(values, 0.975)};
}

}  // namespace eebench::stats
