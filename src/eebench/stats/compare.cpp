#include "eebench/stats/compare.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include <fmt/core.h>

#include "eebench/core/error.hpp"
#include "eebench/core/random.hpp"
#include "eebench/stats/quantile.hpp"

namespace eebench::stats {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

}  // namespace

PairedDifference paired_difference(std::span<const std::uint8_t> a_right,
                                   std::span<const std::uint8_t> b_right) {
  if (a_right.size() != b_right.size() || a_right.empty()) {
    throw InputError(
        fmt::format("cannot compare answers on {} jets with answers on {}: give the "
                    "same jets to both",
                    a_right.size(), b_right.size()));
  }
  std::int64_t only_a = 0;
  std::int64_t only_b = 0;
  for (std::size_t i = 0; i < a_right.size(); ++i) {
    only_a += a_right[i] != 0 && b_right[i] == 0 ? 1 : 0;
    only_b += a_right[i] == 0 && b_right[i] != 0 ? 1 : 0;
  }
  const double n = static_cast<double>(a_right.size());
  const double share_a = static_cast<double>(only_a + 1) / (n + 2.0);
  const double share_b = static_cast<double>(only_b + 1) / (n + 2.0);
  const double centre = share_a - share_b;
  const double half = z_95 * std::sqrt((share_a + share_b - centre * centre) / (n + 2.0));
  return {static_cast<double>(only_a - only_b) / n,
          {std::max(-1.0, centre - half), std::min(1.0, centre + half)}};
}

double mann_whitney(std::span<const double> a, std::span<const double> b) {
  if (a.empty() || b.empty()) {
    return nan;
  }
  std::vector<double> all(a.begin(), a.end());
  all.insert(all.end(), b.begin(), b.end());
  std::sort(all.begin(), all.end());
  const auto first = [&](double x) { return std::lower_bound(all.begin(), all.end(), x); };
  const auto past = [&](double x) { return std::upper_bound(all.begin(), all.end(), x); };
  double rank_sum = 0.0;  // of a; equal samples share the mean of their ranks
  for (const double x : a) {
    rank_sum += 0.5 * static_cast<double>((first(x) - all.begin()) + 1 + (past(x) - all.begin()));
  }
  double ties = 0.0;
  for (auto group = all.begin(); group != all.end(); group = past(*group)) {
    const auto size = static_cast<double>(past(*group) - group);
    ties += size * size * size - size;
  }
  const auto n_a = static_cast<double>(a.size());
  const auto n_b = static_cast<double>(b.size());
  const double n = n_a + n_b;
  const double u = rank_sum - 0.5 * n_a * (n_a + 1.0);
  const double variance = n_a * n_b / 12.0 * (n + 1.0 - ties / (n * (n - 1.0)));
  const double excess = std::abs(u - 0.5 * n_a * n_b) - 0.5;
  return variance > 0.0 && excess > 0.0 ? std::erfc(excess / std::sqrt(2.0 * variance)) : 1.0;
}

Interval median_ratio_interval(std::span<const double> a, std::span<const double> b,
                               std::uint64_t seed, std::int64_t replicas) {
  if (a.size() < 2 || b.size() < 2) {
    return {nan, nan};
  }
  std::vector<double> ratios(static_cast<std::size_t>(replicas));
  for (std::size_t r = 0; r < ratios.size(); ++r) {
    const auto drawn_median = [&](std::span<const double> samples, std::uint64_t side) {
      const std::uint64_t key = random_key(seed, Stream::bootstrap, {r, side});
      std::vector<double> drawn;
      for (std::size_t i = 0; i < samples.size(); ++i) {
        const double place = uniform(key, i) * static_cast<double>(samples.size());
        drawn.push_back(samples[static_cast<std::size_t>(place)]);
      }
      return median(drawn);
    };
    ratios[r] = drawn_median(b, 1) / drawn_median(a, 0);
  }
  return {nearest_rank(ratios, 0.025), nearest_rank(ratios, 0.975)};
}

}  // namespace eebench::stats
