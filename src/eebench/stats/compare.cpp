#include "eebench/stats/compare.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include <fmt/core.h>

#include "eebench/core/error.hpp"

namespace eebench::stats {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

/// min(1, 2 P[Binomial(only_a + only_b, 1/2) <= min(only_a, only_b)])
double mcnemar(std::int64_t only_a, std::int64_t only_b) {
  const double n = static_cast<double>(only_a + only_b);
  double tail = 0.0;
  for (std::int64_t i = 0; i <= std::min(only_a, only_b); ++i) {
    const double k = static_cast<double>(i);
    tail += std::exp(std::lgamma(n + 1.0) - std::lgamma(k + 1.0) - std::lgamma(n - k + 1.0) -
                     n * std::log(2.0));
  }
  return std::min(1.0, 2.0 * tail);
}

}  // namespace

RankTest mann_whitney(std::span<const double> a, std::span<const double> b) {
  const auto is_nan = [](double value) { return std::isnan(value); };
  if (std::any_of(a.begin(), a.end(), is_nan) || std::any_of(b.begin(), b.end(), is_nan)) {
    return {nan, nan};
  }
  std::vector<std::pair<double, bool>> all;  // value, is from a
  all.reserve(a.size() + b.size());
  for (const double value : a) {
    all.emplace_back(value, true);
  }
  for (const double value : b) {
    all.emplace_back(value, false);
  }
  std::sort(all.begin(), all.end());
  double u = 0.0;
  double tie_term = 0.0;
  double below = 0.0;  // values of b below the present one
  for (std::size_t i = 0; i < all.size();) {
    double tied_a = 0.0;
    double tied_b = 0.0;
    std::size_t j = i;
    for (; j < all.size() && all[j].first == all[i].first; ++j) {
      (all[j].second ? tied_a : tied_b) += 1.0;
    }
    u += tied_a * (below + tied_b / 2.0);
    below += tied_b;
    const double t = tied_a + tied_b;
    tie_term += t * t * t - t;
    i = j;
  }
  const double na = static_cast<double>(a.size());
  const double nb = static_cast<double>(b.size());
  const double n = na + nb;
  const double variance = na * nb / 12.0 * (n + 1.0 - tie_term / (n * (n - 1.0)));
  if (a.empty() || b.empty() || !(variance > 0.0)) {
    return {u, nan};
  }
  const double z = std::max(0.0, std::abs(u - na * nb / 2.0) - 0.5) / std::sqrt(variance);
  return {u, std::erfc(z / std::sqrt(2.0))};
}

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
          {std::max(-1.0, centre - half), std::min(1.0, centre + half)},
          mcnemar(only_a, only_b),
          only_a,
          only_b};
}

}  // namespace eebench::stats
