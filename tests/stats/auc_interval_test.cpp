#include "eebench/stats/auc_interval.hpp"

#include <cmath>
#include <vector>

#include <catch2/catch.hpp>

#include "eebench/core/random.hpp"

using namespace eebench;

namespace {

struct Sample {
  std::vector<float> logits;
  std::vector<std::int64_t> labels;
};

/// Two classes whose score differs by `shift` standard deviations of a triangular noise.
Sample draw(std::uint64_t seed, std::int64_t jets, double shift) {
  Sample sample;
  for (std::int64_t jet = 0; jet < jets; ++jet) {
    const auto key = random_key(seed, Stream::split, {static_cast<std::uint64_t>(jet)});
    const double noise = uniform(key, 0) + uniform(key, 1);
    sample.labels.push_back(jet % 2);
    sample.logits.push_back(0.0F);
    sample.logits.push_back(static_cast<float>(noise + (jet % 2 == 1 ? shift : 0.0)));
  }
  return sample;
}

}  // namespace

TEST_CASE("the AUC's bootstrap interval covers the truth about as often as it says") {
  const Sample many = draw(1000, 100000, 0.5);
  const double truth = stats::macro_auc({many.logits, many.labels, 2});
  int covered = 0;
  const int trials = 300;
  for (int trial = 0; trial < trials; ++trial) {
    const Sample sample = draw(static_cast<std::uint64_t>(trial), 150, 0.5);
    const auto interval = stats::macro_auc_interval({sample.logits, sample.labels, 2},
                                                    static_cast<std::uint64_t>(trial), 200);
    covered += interval.low <= truth && truth <= interval.high ? 1 : 0;
  }
  CHECK(covered > 0.90 * trials);
  CHECK(covered < 0.99 * trials);
}

TEST_CASE("ties count half in every replica") {
  // Beside ties one jet, of 500 signals, that is above all others: 0.5 + 0.001 a draw of it.
  std::vector<float> logits(2000, 0.0F);
  std::vector<std::int64_t> labels(1000);
  for (std::size_t jet = 0; jet < 1000; ++jet) {
    labels[jet] = static_cast<std::int64_t>(jet % 2);
  }
  logits[3] = 1.0F;
  const auto interval = stats::macro_auc_interval({logits, labels, 2}, 1, 100);
  CHECK(interval.low == 0.5);
  CHECK(interval.high > 0.501);
  CHECK(interval.high < 0.508);
}

TEST_CASE("no interval where every replica says the same") {
  const std::vector<std::int64_t> labels = {0, 1, 0, 1};
  const std::vector<float> right = {1.0F, 0.0F, 0.0F, 1.0F, 2.0F, 0.0F, 0.0F, 2.0F};
  for (const std::vector<float>& logits : {right, std::vector<float>(8, 0.0F)}) {
    const auto interval = stats::macro_auc_interval({logits, labels, 2}, 1, 100);
    CHECK(std::isnan(interval.low));
    CHECK(std::isnan(interval.high));
  }
}

TEST_CASE("no interval without jets or with NaN") {
  CHECK(std::isnan(stats::macro_auc_interval({{}, {}, 2}, 1, 100).low));
  const std::vector<std::int64_t> labels = {0, 1};
  for (const float bad : {NAN, INFINITY}) {
    const std::vector<float> logits = {0.0F, bad, 1.0F, 0.0F};
    CHECK(std::isnan(stats::macro_auc_interval({logits, labels, 2}, 1, 100).high));
  }
}
