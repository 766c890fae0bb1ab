#include "eebench/data/sampler.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include <catch2/catch.hpp>

#include "eebench/core/error.hpp"

using namespace eebench;
using data::GlobalOrder;

namespace {

std::vector<std::int64_t> epoch_of(const GlobalOrder& order, std::int64_t epoch) {
  std::vector<std::int64_t> jets;
  std::vector<std::int64_t> window;
  for (std::int64_t w = 0; !(window = order.window(epoch, w)).empty(); ++w) {
    jets.insert(jets.end(), window.begin(), window.end());
  }
  return jets;
}

}  // namespace

TEST_CASE("an epoch visits each jet once, in an order of its own") {
  for (const std::int64_t jets : {1, 3, 1023, 1024, 1025, 2500, 5000, 8192}) {
    for (const std::int64_t window : {1024, 3000, 1 << 20}) {
      INFO(jets << " jets, window " << window);
      const GlobalOrder order(jets, 1, 11, window);
      std::vector<std::int64_t> first = epoch_of(order, 0);
      const std::vector<std::int64_t> second = epoch_of(order, 1);
      CHECK(epoch_of(order, 0) == first);
      if (jets > 1000) {
        CHECK(first != second);
        CHECK(epoch_of(GlobalOrder(jets, 1, 12, window), 0) != first);
      }
      std::sort(first.begin(), first.end());
      std::vector<std::int64_t> all(static_cast<std::size_t>(jets));
      std::iota(all.begin(), all.end(), 0);
      CHECK(first == all);
    }
  }
}

TEST_CASE("the order has no memory of the file") {
  const std::vector<std::int64_t> order = epoch_of(GlobalOrder(20'000, 1, 3), 0);
  // Correlation of position and index, and of neighbours: a fair shuffle stays within 4 sigma.
  double with_position = 0.0;
  double with_next = 0.0;
  const double mean = (20'000.0 - 1.0) / 2.0;
  const double variance = (20'000.0 * 20'000.0 - 1.0) / 12.0;
  for (std::size_t i = 0; i + 1 < order.size(); ++i) {
    const double here = static_cast<double>(order[i]) - mean;
    with_position += here * (static_cast<double>(i) - mean);
    with_next += here * (static_cast<double>(order[i + 1]) - mean);
  }
  CHECK(std::abs(with_position / variance / 20'000.0) < 4.0 / std::sqrt(20'000.0));
  CHECK(std::abs(with_next / variance / 20'000.0) < 4.0 / std::sqrt(20'000.0));
}

TEST_CASE("a window of a hundred million jets needs no list of them") {
  const GlobalOrder order(100'000'000, 512, 5);
  const std::vector<std::int64_t> window = order.window(2, 17);
  CHECK(window.size() == static_cast<std::size_t>(GlobalOrder::default_window));
  const std::set<std::int64_t> unique(window.begin(), window.end());
  CHECK(unique.size() == window.size());
  CHECK(*unique.begin() >= 0);
  CHECK(*unique.rbegin() < 100'000'000);
  // Blocks come from everywhere, not from one stretch of the file.
  CHECK(*unique.rbegin() - *unique.begin() > 90'000'000);
}

TEST_CASE("a global batch fits the data set") {
  CHECK(GlobalOrder(100, 30, 1).batches() == 3);
  CHECK_THROWS_AS(GlobalOrder(100, 101, 1), InputError);
  CHECK_THROWS_AS(GlobalOrder(100, 0, 1), InputError);
}
