#include "eebench/stats/stopping.hpp"

#include <catch2/catch.hpp>

using namespace eebench::stats;

namespace {

struct Stop {
  StopReason reason;
  int samples;
};

template <typename Sample>
Stop measure(const StoppingLimits& limits, Sample sample) {
  MedianIntervalCriterion criterion(limits);
  double wall = 0.0;
  for (int i = 1; i <= 100000; ++i) {
    const double seconds = sample(i);
    wall += seconds;
    const StopReason reason = criterion.add(seconds, wall);
    if (reason != StopReason::none) {
      return {reason, i};
    }
  }
  return {StopReason::none, 100000};
}

}  // namespace

TEST_CASE("a quiet measurement stops when it has enough samples and time") {
  const auto quiet = [](int) { return 0.02; };
  const Stop by_time = measure({10, 0.5, 15.0}, quiet);
  CHECK(by_time.reason == StopReason::converged);
  CHECK(by_time.samples >= 25);
  CHECK(by_time.samples <= 28);
  CHECK(measure({40, 0.1, 15.0}, quiet).samples == 40);
  CHECK(measure({10, 0.1, 15.0}, quiet).samples == 10);
}

TEST_CASE("a measurement that settles nowhere times out") {
  const auto growing = [](int i) { return 0.001 * i * i; };
  CHECK(measure({10, 0.5, 15.0}, growing).reason == StopReason::timeout);
}

TEST_CASE("rare outliers do not keep the median's criterion from stopping") {
  const auto spiky = [](int i) { return i % 50 == 0 ? 0.1 : 0.01 + 0.00001 * (i % 7); };
  CHECK(measure({10, 0.5, 1000.0}, spiky).reason == StopReason::converged);
}

TEST_CASE("the median's criterion refuses fewer than 8 samples") {
  MedianIntervalCriterion criterion({1, 0.0, 15.0});
  for (int i = 1; i < 8; ++i) {
    CHECK(criterion.add(1.0, i) == StopReason::none);
  }
  CHECK(criterion.add(1.0, 8.0) == StopReason::converged);
}
