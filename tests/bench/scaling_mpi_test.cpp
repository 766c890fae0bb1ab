#include <chrono>
#include <numeric>
#include <thread>

#include <catch2/catch.hpp>

#include "eebench/bench/scaling.hpp"
#include "eebench/core/error.hpp"

using namespace eebench;
using bench::ScalingPoint;

namespace {

/// Rank r reads for 1 ms and computes for r + 1 ms; the last to come is blocked for 2 ms, the
/// others until it is done.
class Uneven final : public bench::ScalingStage {
 public:
  explicit Uneven(comm::Communicator group) : group_(std::move(group)) {}
  bench::StepTimes step() override {
    ++steps_;
    sleep(1 + group_.rank() + 1);
    const auto begin = std::chrono::steady_clock::now();
    group_.barrier();
    sleep(2);
    const std::chrono::duration<double> blocked = std::chrono::steady_clock::now() - begin;
    return {.input = 1e-3, .blocked = blocked.count()};
  }
  double jets() const override { return 10.0 + group_.rank(); }
  double bytes() const override { return 8.0; }
  std::vector<double> entered() const override { return {jets(), static_cast<double>(steps_)}; }

 private:
  static void sleep(int milliseconds) {
    std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
  }
  comm::Communicator group_;
  int steps_ = 0;
};

double mean(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

std::vector<int> counts(int world) {
  std::vector<int> ranks(static_cast<std::size_t>(world));
  std::iota(ranks.begin(), ranks.end(), 1);
  return ranks;
}

}  // namespace

TEST_CASE("the parts of a step add up to the slowest rank's, on every number of ranks") {
  const auto world = comm::Communicator::world();
  const bench::ScalingPlan plan{
      .ranks = counts(world.size()), .rounds = 2, .steps = 3, .warm_up = 1};
  std::vector<std::int64_t> rounds;
  const std::vector<ScalingPoint> points = bench::measure_scaling(
      world, plan, [](const comm::Communicator& group) { return std::make_unique<Uneven>(group); },
      [&](std::int64_t round) { rounds.push_back(round); });
  CHECK(rounds == std::vector<std::int64_t>{0, 1});
  REQUIRE(points.size() == plan.ranks.size());
  for (const ScalingPoint& point : points) {
    const auto n = static_cast<std::size_t>(point.ranks);
    INFO(n << " ranks");
    CHECK(point.jets == 10.0 * point.ranks + point.ranks * (point.ranks - 1) / 2.0);
    CHECK(point.bytes == 8.0);
    REQUIRE(point.seconds.size() == 6);
    REQUIRE(point.compute.size() == n);
    REQUIRE(point.entered.size() == 2 * n);
    const double slowest = 1e-3 * (1 + point.ranks + 2);
    CHECK(mean(point.seconds) > slowest);
    for (std::size_t rank = 0; rank < n; ++rank) {
      CHECK(point.input[rank] + point.compute[rank] + point.communication[rank] +
                point.wait[rank] ==
            Approx(mean(point.seconds)));
      CHECK(point.input[rank] == Approx(1e-3));
      CHECK(point.compute[rank] > 1e-3 * static_cast<double>(rank + 1));
      CHECK(point.communication[rank] >= 2e-3);
      CHECK(point.communication[rank] == point.communication[0]);
      CHECK(point.wait[rank] >= 0.0);
      CHECK(point.entered[2 * rank + 1] == 8.0);  // two rounds of three steps and one before
    }
  }
}

TEST_CASE("what one rank of a stage cannot open, all learn") {
  const auto world = comm::Communicator::world();
  const bench::ScalingPlan plan{.ranks = {world.size()}};
  CHECK_THROWS_AS(bench::measure_scaling(
                      world, plan,
                      [&](const auto& group) -> std::unique_ptr<bench::ScalingStage> {
                        if (group.rank() == group.size() - 1) {
                          throw InputError("no");
                        }
                        return std::make_unique<Uneven>(group);
                      },
                      [](std::int64_t) {}),
                  InputError);
}

TEST_CASE("the harness tells what is known") {
  const bench::HarnessCheck check = bench::check_harness(comm::Communicator::world());
  CHECK(check.empty_step >= 0.0);
  CHECK(check.known_step > 0.0);
  CHECK(check.told_step >= check.known_step);
}
