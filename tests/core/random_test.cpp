#include "eebench/core/random.hpp"

#include <cmath>
#include <set>

#include <catch2/catch.hpp>

using namespace eebench;

TEST_CASE("The mixing function is that of SplitMix64") {
  // First output of the published generator for seed 1234567.
  STATIC_REQUIRE(mix64(1234567) == 6457827717110365317ULL);
}

TEST_CASE("Keys differ in every part") {
  std::set<std::uint64_t> keys;
  for (const std::uint64_t seed : {1U, 2U}) {
    for (const Stream stream : {Stream::weights, Stream::dropout}) {
      for (const std::uint64_t first : {0U, 1U, 2U}) {
        for (const std::uint64_t second : {0U, 1U, 2U}) {
          keys.insert(random_key(seed, stream, {first, second}));
        }
      }
    }
  }
  CHECK(keys.size() == 2 * 2 * 3 * 3);
}

TEST_CASE("Uniform numbers fill [0, 1) evenly") {
  constexpr int draws = 100000;
  double sum = 0;
  double squares = 0;
  for (int i = 0; i < draws; ++i) {
    const double u = uniform(random_key(7, Stream::dropout, {3}), static_cast<std::uint64_t>(i));
    REQUIRE(u >= 0.0);
    REQUIRE(u < 1.0);
    sum += u;
    squares += u * u;
  }
  // Mean 1/2 and second moment 1/3, within four standard deviations.
  CHECK(std::abs(sum / draws - 0.5) < 4 * std::sqrt(1.0 / 12 / draws));
  CHECK(std::abs(squares / draws - 1.0 / 3) < 4 * std::sqrt(4.0 / 45 / draws));
}
