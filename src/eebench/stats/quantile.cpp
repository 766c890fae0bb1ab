#include "eebench/stats/quantile.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace eebench::stats {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

std::size_t rank_index(std::size_t n, double p) {
  // p n may miss a whole number by rounding: 0.95 * 20 must give rank 19
  const double rank = std::ceil(p * static_cast<double>(n) * (1.0 - 1e-12));
  return std::clamp(static_cast<std::size_t>(rank), std::size_t{1}, n) - 1;
}

}  // namespace

double nearest_rank(std::span<const double> samples, double p) {
  if (samples.empty()) {
    return nan;
  }
  std::vector<double> copy(samples.begin(), samples.end());
  const auto nth = copy.begin() + static_cast<std::ptrdiff_t>(rank_index(copy.size(), p));
  std::nth_element(copy.begin(), nth, copy.end());
  return *nth;
}

double median(std::span<const double> samples) {
  if (samples.empty()) {
    return nan;
  }
  std::vector<double> copy(samples.begin(), samples.end());
  const auto middle = copy.begin() + static_cast<std::ptrdiff_t>(copy.size() / 2);
  std::nth_element(copy.begin(), middle, copy.end());
  if (copy.size() % 2 == 1) {
    return *middle;
  }
  return (*std::max_element(copy.begin(), middle) + *middle) / 2.0;
}

std::int64_t quantile_floor(double p) {
  const auto at_most_one_beyond = [p](std::int64_t n) {
    const double trials = static_cast<double>(n);
    return std::pow(p, trials) + trials * (1.0 - p) * std::pow(p, trials - 1.0);
  };
  std::int64_t high = 2;
  while (at_most_one_beyond(high) > 0.01 && high < (std::int64_t{1} << 40)) {
    high *= 2;
  }
  std::int64_t low = high / 2;
  while (high - low > 1) {
    const std::int64_t middle = low + (high - low) / 2;
    (at_most_one_beyond(middle) > 0.01 ? low : high) = middle;
  }
  return high;
}

}  // namespace eebench::stats
