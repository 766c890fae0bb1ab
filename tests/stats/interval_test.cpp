#include "eebench/stats/interval.hpp"

#include <cmath>
#include <numbers>
#include <numeric>
#include <vector>

#include <catch2/catch.hpp>

#include "eebench/core/random.hpp"
#include "eebench/stats/quantile.hpp"

using namespace eebench;
using namespace eebench::stats;

namespace {

std::vector<double> lognormal(std::uint64_t seed, std::size_t n) {
  std::vector<double> draws(n);
  const std::uint64_t key = random_key(seed, Stream::bootstrap, {});
  for (std::size_t i = 0; i < n; ++i) {
    const double radius = std::sqrt(-2.0 * std::log(1.0 - uniform(key, 2 * i)));
    draws[i] = std::exp(radius * std::cos(2.0 * std::numbers::pi * uniform(key, 2 * i + 1)));
  }
  return draws;
}

double mean(std::span<const double> values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

}  // namespace

TEST_CASE("the median's interval takes the ranks of Hoefler and Belli") {
  std::vector<double> samples(100);
  std::iota(samples.rbegin(), samples.rend(), 1.0);
  const Interval interval = median_interval(samples);
  CHECK(interval.low == 40.0);
  CHECK(interval.high == 61.0);
  CHECK(std::isnan(median_interval(std::span(samples).first(7)).low));
  CHECK(median_interval(std::span(samples).first(8)).high == 100.0);
}

TEST_CASE("the median's interval covers the median of a lognormal in 95 % of cases") {
  for (const std::size_t n : {50U, 100U, 400U}) {
    int covered = 0;
    for (std::uint64_t seed = 0; seed < 2000; ++seed) {
      const Interval interval = median_interval(lognormal(seed, n));
      covered += interval.low <= 1.0 && 1.0 <= interval.high ? 1 : 0;
    }
    INFO("n " << n << " covered " << covered);
    CHECK(covered >= 1860);
    CHECK(covered <= 1940);
  }
}

TEST_CASE("Wilson's interval agrees with scipy") {
  const Interval some = wilson_interval(846, 1000);
  CHECK(some.low == Approx(0.8223081403024967).epsilon(1e-12));
  CHECK(some.high == Approx(0.867043742825499).epsilon(1e-12));
  CHECK(wilson_interval(0, 10).low == 0.0);
  CHECK(wilson_interval(0, 10).high == Approx(0.27753279986288926).epsilon(1e-12));
  CHECK(wilson_interval(10, 10).low == Approx(0.7224672001371109).epsilon(1e-12));
  CHECK(wilson_interval(10, 10).high == 1.0);
  CHECK(std::isnan(wilson_interval(0, 0).low));
}

TEST_CASE("a bootstrap interval is repeatable and as wide as theory has it") {
  const std::vector<double> samples = lognormal(7, 400);
  const Interval interval = bootstrap_interval(samples, mean, 3);
  CHECK(interval.low == bootstrap_interval(samples, mean, 3).low);
  CHECK(interval.low != bootstrap_interval(samples, mean, 4).low);
  double squares = 0.0;
  for (const double sample : samples) {
    squares += (sample - mean(samples)) * (sample - mean(samples));
  }
  const double width = 2.0 * z_95 * std::sqrt(squares) / 400.0;
  CHECK(interval.high - interval.low == Approx(width).epsilon(0.1));
  CHECK(std::isnan(bootstrap_interval(std::span(samples).first(1), mean, 3).low));
}

TEST_CASE("quantiles are nearest ranks") {
  std::vector<double> samples(20);
  std::iota(samples.rbegin(), samples.rend(), 1.0);
  CHECK(nearest_rank(samples, 0.95) == 19.0);
  CHECK(nearest_rank(samples, 0.951) == 20.0);
  CHECK(nearest_rank(samples, 0.5) == 10.0);
  CHECK(nearest_rank(samples, 0.01) == 1.0);
  CHECK(nearest_rank(samples, 1.0) == 20.0);
  CHECK(median(samples) == 10.5);
  CHECK(median(std::span(samples).first(3)) == 19.0);
  CHECK(std::isnan(median({})));
  CHECK(std::isnan(nearest_rank({}, 0.5)));
}

TEST_CASE("the fewest samples of a quantile are those of the binomial rule") {
  CHECK(quantile_floor(0.5) == 11);
  CHECK(quantile_floor(0.9) == 64);
  CHECK(quantile_floor(0.95) == 130);
  CHECK(quantile_floor(0.99) == 662);
  CHECK(quantile_floor(0.999) == 6636);
}
