#pragma once

#include <cmath>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "eebench/comm/all_reducer.hpp"
#include "eebench/data/jet_source.hpp"
#include "eebench/model/network.hpp"
#include "eebench/train/flat_parameters.hpp"
#include "eebench/train/loss.hpp"
#include "eebench/train/optimiser.hpp"
#include "eebench/train/rank_sum.hpp"
#include "eebench/train/schedule.hpp"
#include "eebench/train/settings.hpp"

namespace eebench::train {

/// What one step did, the same on every rank.
struct StepReport {
  double loss = 0.0;                  ///< mean over the global batch
  std::vector<double> exit_accuracy;  ///< [exits], NaN where the exit was not run
  double gradient_norm = 0.0;         ///< before clipping
};

/// Data-parallel training of a network: every rank holds it whole and works on its part of each
/// global batch; the result does not depend on the number of ranks beyond rounding.
class Trainer {
 public:
  /// \collective Checks that all ranks begin with the same parameters, and throws Error otherwise.
  /// Throws InputError for settings that name parameters the network does not have.
  Trainer(model::Network& network, Settings settings, Length length, at::Device device,
          const comm::Communicator& comm, std::shared_ptr<comm::AllReducer> reducer);

  /// \collective One step on this rank's jets of a global batch. Throws InputError where the
  /// training diverges: loss or gradient are no longer finite numbers.
  StepReport step(const data::JetBatch& jets);

  std::int64_t steps_done() const { return steps_done_; }
  const Settings& settings() const { return settings_; }
  /// Of the next step.
  double learning_rate() const { return train::learning_rate(steps_done_, length_, settings_); }
  StepPlan plan() const { return plan_step(steps_done_, length_, settings_); }

  /// Everything that a step reads and changes beside the network itself.
  const Optimiser& optimiser() const { return *optimiser_; }
  void set_steps_done(std::int64_t steps) { steps_done_ = steps; }

 private:
  std::vector<at::Tensor> forward(const data::JetBatch& jets, const StepPlan& plan,
                                  nn::Context& context);

  model::Network& network_;
  Settings settings_;
  Length length_;
  at::Device device_;
  at::ScalarType type_;
  comm::Communicator comm_;
  std::shared_ptr<comm::AllReducer> reducer_;
  FlatParameters parameters_;
  std::unique_ptr<Optimiser> optimiser_;
  GradientSum gradient_sum_;
  std::int64_t steps_done_ = 0;
  double last_loss_ = std::nan("");
};

/// Of weights, gradients and inputs.
at::ScalarType storage_type(const Settings& settings);

/// Puts the network into training mode; what is frozen needs no gradients and stays in evaluation
/// mode. Throws InputError for a name that means nothing, and where nothing is left to train.
void set_trainable(model::Network& network, const Settings& settings);

/// SHA-256 over the frozen parameters and buffers; empty where nothing is frozen.
std::string frozen_sha256(const model::Network& network, const Settings& settings);

/// Moves the network to the device and type; what counts (BatchNorm's batches) stays integer.
void move_to(model::Network& network, at::Device device, at::ScalarType type);

}  // namespace eebench::train
