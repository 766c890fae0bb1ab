#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace eebench::model {
struct ModelConfig;
}

namespace eebench::train {

/// How a network is trained. Defaults, then [train] of the model configuration, then the command
/// line. Each member is a key of [train].
struct Settings {
  std::int64_t global_batch = 256;  ///< jets a step, over all ranks
  std::int64_t epochs = 10;
  std::int64_t steps = 0;        ///< ends after so many steps; 0: after the epochs
  std::int64_t epoch_steps = 0;  ///< steps of an epoch; 0: those of a pass over the data
  std::string optimiser = "adamw";
  double lr = 1e-3;  ///< peak learning rate
  double weight_decay = 0.01;
  std::string schedule = "warmup+cos";
  double warmup = 0.05;    ///< share of all steps with rising learning rate
  double lr_final = 1e-6;  ///< of PELICAN's schedules
  double clip = 1.0;       ///< bound on the gradient's norm; 0: none
  std::string loss = "joint";
  std::vector<double> exit_weights;  ///< of each exit's loss, the final one last
  /// How the weights of early exits rise to these: none (constant), linear, cosine or switch.
  std::string exit_ramp = "none";
  std::int64_t exit_zero_epochs = 0;  ///< epochs before the ramp, with weight 0
  std::int64_t exit_ramp_end = 0;     ///< epoch where it ends; 0: two after its beginning
  std::int64_t exit_switch_end = 0;   ///< epoch where a switch falls back to 0; 0: never
  double trunk_share = 0.5;           ///< loss mixed: share of the steps for the final exit alone
  double temperature = 3.0;           ///< loss self_distillation
  double distil_share = 0.5;          ///< loss self_distillation: weight of the final exit's answer
  std::int64_t patience = 0;          ///< epochs without improvement before an early stop; 0: never
  std::uint64_t seed = 1;
  /// fp32, fp64, or bf16: linear layers multiply in bfloat16; weights, gradients, the optimiser and
  /// everything else stay in float32.
  std::string precision = "fp32";
  /// What does not train: "backbone" for all but the early heads, and names of parameters or of
  /// modules, for instance "exits.0".
  std::vector<std::string> freeze;
  /// Factors on the learning rate, and so on weight decay, of parameters or modules of these names;
  /// the longest name that fits counts.
  std::map<std::string, double> lr_factors;
  std::vector<double> class_weights;  ///< of each class in the cross-entropy; empty: 1
  /// Which epoch's weights are the best: the highest value of this formula of accuracy_<k> and
  /// loss_<k>, k being the exit; empty: mean accuracy, weighted by exit_weights.
  std::string best;
  std::int64_t checkpoint_steps = 500;
};

/// Calls visit(key, member) for each setting, in the order in which they are written.
template <class S, class Visit>
void each_setting(S& s, Visit&& visit) {
  visit("global_batch", s.global_batch);
  visit("epochs", s.epochs);
  visit("steps", s.steps);
  visit("epoch_steps", s.epoch_steps);
  visit("optimiser", s.optimiser);
  visit("lr", s.lr);
  visit("weight_decay", s.weight_decay);
  visit("schedule", s.schedule);
  visit("warmup", s.warmup);
  visit("lr_final", s.lr_final);
  visit("clip", s.clip);
  visit("loss", s.loss);
  visit("exit_weights", s.exit_weights);
  visit("exit_ramp", s.exit_ramp);
  visit("exit_zero_epochs", s.exit_zero_epochs);
  visit("exit_ramp_end", s.exit_ramp_end);
  visit("exit_switch_end", s.exit_switch_end);
  visit("trunk_share", s.trunk_share);
  visit("temperature", s.temperature);
  visit("distil_share", s.distil_share);
  visit("patience", s.patience);
  visit("seed", s.seed);
  visit("precision", s.precision);
  visit("freeze", s.freeze);
  visit("lr_factors", s.lr_factors);
  visit("class_weights", s.class_weights);
  visit("best", s.best);
  visit("checkpoint_steps", s.checkpoint_steps);
}

/// The [train] table of a configuration over the defaults. Throws InputError for unknown keys.
Settings settings_of(const model::ModelConfig& config);

/// The configuration with these settings as its [train]: what settings_of() reads back.
model::ModelConfig with_settings(model::ModelConfig config, const Settings& settings);

/// Throws InputError for values that make no sense; `exits` and `classes` of the network.
void check(const Settings& settings, std::int64_t exits, std::int64_t classes);

/// Whether all but the early heads is frozen.
bool backbone_frozen(const Settings& settings);

/// The deepest exit that validation looks at: behind a frozen backbone the last that trains.
std::int64_t last_evaluated(const Settings& settings);

}  // namespace eebench::train
