#include "eebench/stats/compare.hpp"

#include <cmath>
#include <vector>

#include <catch2/catch.hpp>

#include "eebench/core/random.hpp"

using namespace eebench;
using namespace eebench::stats;

namespace {

/// Skewed, as times are: 1 / (1 - u/2).
std::vector<double> skewed(std::uint64_t seed, std::size_t n, double scale = 1.0) {
  std::vector<double> draws(n);
  const std::uint64_t key = random_key(seed, Stream::arrivals, {});
  for (std::size_t i = 0; i < n; ++i) {
    draws[i] = scale / (1.0 - 0.5 * uniform(key, i));
  }
  return draws;
}

}  // namespace

TEST_CASE("the Mann-Whitney test gives the p-values of the normal approximation") {
  // The example of SciPy's mannwhitneyu(method="asymptotic").
  const std::vector<double> males = {19, 22, 16, 29, 24};
  const std::vector<double> females = {20, 11, 17, 12};
  CHECK(mann_whitney(males, females) == Approx(0.11134688653314041).epsilon(1e-12));
  CHECK(mann_whitney(females, males) == mann_whitney(males, females));
  // By hand: of 1 2 2 2 2 2 3 4 the 2s share rank 4; ranks of a sum to 13, so U = 13 - 10 = 3, and
  // the tie of 5 takes 120 / 56 from the variance.
  const std::vector<double> a = {1, 2, 2, 2};
  const std::vector<double> b = {2, 2, 3, 4};
  const double variance = 16.0 / 12.0 * (9.0 - 120.0 / 56.0);
  CHECK(mann_whitney(a, b) == Approx(std::erfc((8.0 - 3.0 - 0.5) / std::sqrt(2.0 * variance))));
  CHECK(mann_whitney(std::vector<double>{1, 1}, std::vector<double>{1, 1, 1}) == 1.0);
  CHECK(std::isnan(mann_whitney(a, {})));
}

TEST_CASE("without a difference the test calls one in twenty significant, with one nearly all") {
  int chance = 0;
  int found = 0;
  constexpr int draws = 2000;
  for (std::uint64_t i = 0; i < draws; ++i) {
    chance += mann_whitney(skewed(2 * i, 9), skewed(2 * i + 1, 9)) < 0.05 ? 1 : 0;
    found += mann_whitney(skewed(2 * i, 9), skewed(2 * i + 1, 9, 1.8)) < 0.05 ? 1 : 0;
  }
  CHECK(chance > draws * 0.025);
  CHECK(chance < draws * 0.055);
  CHECK(found > draws * 0.95);
}

TEST_CASE("the interval of a ratio of medians covers it") {
  constexpr double ratio = 1.1;
  int covered = 0;
  constexpr int draws = 300;
  for (std::uint64_t i = 0; i < draws; ++i) {
    const Interval interval =
        median_ratio_interval(skewed(2 * i, 15), skewed(2 * i + 1, 15, ratio), i, 500);
    CHECK(interval.low < interval.high);
    covered += interval.low <= ratio && ratio <= interval.high ? 1 : 0;
  }
  CHECK(covered > draws * 0.92);
  CHECK(std::isnan(median_ratio_interval(skewed(1, 1), skewed(2, 9), 1).low));
  const Interval equal =
      median_ratio_interval(std::vector<double>(9, 2.0), std::vector<double>(9, 3.0), 1);
  CHECK(equal.low == 1.5);
  CHECK(equal.high == 1.5);
}
