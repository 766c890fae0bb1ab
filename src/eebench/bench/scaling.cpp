#include "eebench/bench/scaling.hpp"

#include <algorithm>
#include <limits>
#include <optional>

#include "eebench/bench/grid.hpp"
#include "eebench/comm/arrive.hpp"
#include "eebench/core/random.hpp"
#include "eebench/stats/quantile.hpp"
#include "eebench/sys/environment.hpp"
#include "eebench/sys/timer.hpp"

namespace eebench::bench {
namespace {

/// A stage with its group and the times of its steps so far.
class Running {
 public:
  Running(comm::Communicator group, std::unique_ptr<ScalingStage> stage)
      : group_(std::move(group)), stage_(std::move(stage)) {}

  /// \collective over the group. The times of all ranks of a step count together, so they are
  /// brought together after it, when no clock runs.
  void step(bool counts) {
    const double read_before = sys::bytes_read();
    stage_->prepare();
    group_.barrier();
    const sys::Timer timer;
    const StepTimes times = stage_->step();
    const double own = timer.seconds();
    stage_->check();
    const double slowest = group_.all_reduce(own, comm::Reduce::max);
    const double transfer = group_.all_reduce(times.blocked, comm::Reduce::min);
    if (!counts) {
      return;
    }
    seconds_.push_back(slowest);
    read_ += sys::bytes_read() - read_before;
    input_ += times.input;
    compute_ += own - times.input - times.blocked;
    communication_ += transfer;
    wait_ += times.blocked - transfer + slowest - own;
  }

  /// \collective over the group.
  ScalingPoint point() const {
    const auto mean = [&](double sum) {
      return group_.all_gather(sum / static_cast<double>(seconds_.size()));
    };
    return {.ranks = group_.size(),
            .jets = group_.all_reduce(stage_->jets(), comm::Reduce::sum),
            .bytes = stage_->bytes(),
            .seconds = seconds_,
            .read = mean(read_),
            .input = mean(input_),
            .compute = mean(compute_),
            .communication = mean(communication_),
            .wait = mean(wait_),
            .entered = group_.all_gather(std::span<const double>(stage_->entered()))};
  }

 private:
  comm::Communicator group_;
  std::unique_ptr<ScalingStage> stage_;
  std::vector<double> seconds_;  // of the slowest rank
  double read_ = 0.0;
  double input_ = 0.0;
  double compute_ = 0.0;
  double communication_ = 0.0;
  double wait_ = 0.0;
};

/// The root's, on every rank: ranks without a part in the point have none of it.
void share(const comm::Communicator& world, std::vector<double>& values) {
  values = world.is_root() ? values : std::vector<double>{};
  values = world.all_gather(std::span<const double>(values));
}

void share(const comm::Communicator& world, ScalingPoint& point) {
  std::vector<double> of_step{point.jets, point.bytes};
  for (auto* values : {&of_step, &point.seconds, &point.read, &point.input, &point.compute,
                       &point.communication, &point.wait, &point.entered}) {
    share(world, *values);
  }
  point.jets = of_step[0];
  point.bytes = of_step[1];
}

/// Waits for a known time and for nothing else.
class KnownDelay final : public ScalingStage {
 public:
  explicit KnownDelay(double seconds) : seconds_(seconds) {}
  StepTimes step() override {
    const sys::Timer timer;
    while (timer.seconds() < seconds_) {
    }
    return {};
  }
  double jets() const override { return 0.0; }

 private:
  double seconds_;
};

double told(const comm::Communicator& world, double seconds) {
  const ScalingPlan plan{.ranks = {world.size()}, .rounds = 1, .steps = 25};
  const std::vector<ScalingPoint> points = measure_scaling(
      world, plan, [&](const auto&) { return std::make_unique<KnownDelay>(seconds); },
      [](std::int64_t) {});
  return stats::median(points.front().seconds);
}

}  // namespace

std::vector<ScalingPoint> measure_scaling(const comm::Communicator& world, const ScalingPlan& plan,
                                          const OpenStage& open,
                                          const std::function<void(std::int64_t)>& on_round) {
  constexpr double without_end = std::numeric_limits<double>::infinity();
  const comm::Communicator resting = world.first(world.size());
  std::vector<std::optional<Running>> running(plan.ranks.size());
  for (std::size_t i = 0; i < plan.ranks.size(); ++i) {
    const comm::Communicator group = world.first(plan.ranks[i]);
    const bool takes_part = world.rank() < plan.ranks[i];
    world.agree([&] {
      if (takes_part) {
        running[i].emplace(group, open(group));
      }
    });
  }
  for (std::int64_t round = 0; round < plan.rounds; ++round) {
    on_round(round);
    const std::uint64_t key =
        random_key(plan.seed, Stream::order, {static_cast<std::uint64_t>(round)});
    for (const std::int64_t place : shuffled(static_cast<std::int64_t>(running.size()), key)) {
      const auto i = static_cast<std::size_t>(place);
      for (std::int64_t step = -plan.warm_up; running[i] && step < plan.steps; ++step) {
        running[i]->step(step >= 0);
      }
      comm::all_arrive(resting, without_end);
    }
  }
  std::vector<ScalingPoint> points;
  for (std::size_t i = 0; i < plan.ranks.size(); ++i) {
    ScalingPoint point = running[i] ? running[i]->point() : ScalingPoint{};
    point.ranks = plan.ranks[i];
    share(world, point);
    points.push_back(point);
  }
  return points;
}

HarnessCheck check_harness(const comm::Communicator& world) {
  constexpr double known = 1e-3;
  return {.empty_step = told(world, 0.0), .known_step = known, .told_step = told(world, known)};
}

}  // namespace eebench::bench
