#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "eebench/model/registry.hpp"

namespace eebench::train {

/// How a network is trained. Defaults, then [train] of the model configuration, then the command
/// line. Each member is a key of [train].
struct Settings {
  std::int64_t global_batch = 256;  ///< jets a step, over all ranks
  std::int64_t epochs = 10;
  std::int64_t steps = 0;  ///< ends after so many steps; 0: after the epochs
  double lr = 1e-3;        ///< peak learning rate
  double weight_decay = 0.01;
  double warmup = 0.05;  ///< share of all steps with rising learning rate
  double clip = 1.0;     ///< bound on the gradient's norm; 0: none
  std::vector<double> exit_weights;
  std::string loss = "joint";
  std::int64_t patience = 0;  ///< epochs without improvement before an early stop; 0: never
  std::uint64_t seed = 1;
  /// fp32, fp64, or bf16: linear layers multiply in bfloat16; weights, gradients, the optimiser and
  /// everything else stay in float32.
  std::string precision = "fp32";
  bool freeze_backbone = false;  ///< trains early heads alone
  std::int64_t checkpoint_steps = 500;
};

/// The [train] table of a configuration over the defaults. Throws InputError for unknown keys.
Settings settings_of(const model::ModelConfig& config);

/// The configuration with these settings as its [train]: what settings_of() reads back.
model::ModelConfig with_settings(model::ModelConfig config, const Settings& settings);

/// Throws InputError for values that make no sense; `exits` of the network.
void check(const Settings& settings, std::int64_t exits);

/// Linear rise over the warm-up, then half a cosine to zero: the factor on lr at `step` (from 0) of
/// `total`.
double schedule_factor(std::int64_t step, std::int64_t total, double warmup);

}  // namespace eebench::train
