#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "eebench/comm/communicator.hpp"

namespace eebench::bench {

/// What a step of one rank spent beside computing, s.
struct StepTimes {
  double input = 0.0;    ///< reading its jets
  double blocked = 0.0;  ///< in the all-reduce, the wait for later ranks included
};

/// Work that a group of ranks does again and again.
class ScalingStage {
 public:
  virtual ~ScalingStage() = default;
  /// What comes before and after the time of a step. \collective over the group.
  virtual void prepare() {}
  virtual void check() {}
  /// \collective over the group.
  virtual StepTimes step() = 0;
  /// Of a step, this rank.
  virtual double jets() const = 0;
  /// Summed over ranks in a step, this rank.
  virtual double bytes() const { return 0.0; }
  /// [exits] of the jets those that enter each segment; empty where nobody leaves.
  virtual std::vector<double> entered() const { return {}; }
};

/// \collective over the group.
using OpenStage = std::function<std::unique_ptr<ScalingStage>(const comm::Communicator& group)>;

/// How rank counts are measured.
struct ScalingPlan {
  std::vector<int> ranks;    ///< rising
  std::int64_t rounds = 5;   ///< over all rank counts, each in an order of its own
  std::int64_t steps = 5;    ///< measured in each round
  std::int64_t warm_up = 1;  ///< steps before them
  std::uint64_t seed = 1;    ///< of the orders
};

/// What a number of ranks did, the same on every rank of the world. A sample is a step: all ranks
/// start it together, and it lasts as long as the slowest of them.
struct ScalingPoint {
  int ranks = 0;
  double jets = 0.0;            ///< of a step, all ranks
  double bytes = 0.0;           ///< of the all-reduce of a step, one rank
  std::vector<double> seconds;  ///< [samples]
  /// [ranks] bytes read from files, mean over the samples; what is read ahead counts where it is
  /// read.
  std::vector<double> read;
  /// [ranks] means over the samples, s, which add up to the mean of `seconds`: in the all-reduce
  /// the last rank to come waits for nobody, so what it is blocked is communication; what others
  /// are blocked longer is waiting, as is the time after the own step until that of the slowest.
  std::vector<double> input;
  std::vector<double> compute;
  std::vector<double> communication;
  std::vector<double> wait;
  std::vector<double> entered;  ///< [ranks, exits] jets that enter each segment; empty likewise
};

/// \collective Opens a stage for each number of ranks, on ranks 0 to n - 1, and runs them in turn;
/// who has no part waits without using its core. `on_round` is called before each. An error of any
/// rank is thrown on all of them.
std::vector<ScalingPoint> measure_scaling(const comm::Communicator& world, const ScalingPlan& plan,
                                          const OpenStage& open,
                                          const std::function<void(std::int64_t)>& on_round);

/// What the harness itself costs and how well it tells a time that is known.
struct HarnessCheck {
  double empty_step = 0.0;  ///< s, median measured for steps that do nothing
  double known_step = 0.0;  ///< s, the length of steps that wait for a known time
  double told_step = 0.0;   ///< s, median measured for them
};

/// \collective On all ranks of the world.
HarnessCheck check_harness(const comm::Communicator& world);

}  // namespace eebench::bench
