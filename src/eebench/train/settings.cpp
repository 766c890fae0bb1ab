#include "eebench/train/settings.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>
#include <type_traits>
#include <utility>

#include <fmt/format.h>

#include "eebench/core/error.hpp"
#include "eebench/core/expression.hpp"
#include "eebench/core/names.hpp"
#include "eebench/model/registry.hpp"
#include "eebench/model/settings.hpp"
#include "eebench/train/loss.hpp"
#include "eebench/train/optimiser.hpp"
#include "eebench/train/schedule.hpp"

namespace eebench::train {
namespace {

template <class T>
constexpr bool is_list =
    std::is_same_v<T, std::vector<double>> || std::is_same_v<T, std::vector<std::string>>;

void check_best(const std::string& formula, std::int64_t exits) {
  if (formula.empty()) {
    return;
  }
  std::vector<std::string> known;
  for (std::int64_t k = 0; k < exits; ++k) {
    known.push_back(fmt::format("accuracy_{}", k));
    known.push_back(fmt::format("loss_{}", k));
  }
  const Expression expression(formula);
  for (const std::string& name : expression.names()) {
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      throw_unknown("name", name, fmt::format("the formula best = '{}'", formula), known);
    }
  }
}

}  // namespace

bool backbone_frozen(const Settings& settings) {
  return std::find(settings.freeze.begin(), settings.freeze.end(), "backbone") !=
         settings.freeze.end();
}

std::int64_t last_evaluated(const Settings& settings) {
  auto exit = static_cast<std::int64_t>(settings.exit_weights.size()) - 1;
  while (backbone_frozen(settings) && exit > 0 &&
         settings.exit_weights[static_cast<std::size_t>(exit)] == 0.0) {
    --exit;
  }
  return exit;
}

Settings settings_of(const model::ModelConfig& config) {
  Settings s;
  model::Settings table(config, "train");
  each_setting(s, [&](const char* key, auto& value) {
    if constexpr (std::is_same_v<decltype(value), std::uint64_t&>) {
      auto integer = static_cast<std::int64_t>(value);
      table.read(key, integer);
      value = static_cast<std::uint64_t>(integer);
    } else {
      table.read(key, value);
    }
  });
  table.finish();
  return s;
}

model::ModelConfig with_settings(model::ModelConfig config, const Settings& s) {
  toml::table train;
  each_setting(s, [&](const char* key, const auto& value) {
    using T = std::decay_t<decltype(value)>;
    if constexpr (is_list<T>) {
      toml::array list;
      for (const auto& element : value) {
        list.push_back(element);
      }
      train.insert(key, std::move(list));
    } else if constexpr (std::is_same_v<T, std::map<std::string, double>>) {
      toml::table pairs;
      for (const auto& [name, number] : value) {
        pairs.insert(name, number);
      }
      train.insert(key, std::move(pairs));
    } else if constexpr (std::is_same_v<T, std::uint64_t>) {
      train.insert(key, static_cast<std::int64_t>(value));
    } else {
      train.insert(key, value);
    }
  });
  config.table.insert_or_assign("train", std::move(train));
  return config;
}

void check(const Settings& s, std::int64_t exits, std::int64_t classes) {
  const auto require = [](bool good, const std::string& what) {
    if (!good) {
      throw InputError(fmt::format("training: {}; change the option or its key in [train]", what));
    }
  };
  const auto at_least = [&](std::string_view name, auto value, auto least) {
    require(value >= least && std::isfinite(static_cast<double>(value)),
            fmt::format("{} = {} must be at least {}", name, value, least));
  };
  at_least("global_batch", s.global_batch, 1);
  at_least("epochs", s.epochs, 1);
  at_least("steps", s.steps, 0);
  at_least("epoch_steps", s.epoch_steps, 0);
  at_least("weight_decay", s.weight_decay, 0.0);
  at_least("clip", s.clip, 0.0);
  at_least("patience", s.patience, 0);
  at_least("checkpoint_steps", s.checkpoint_steps, 1);
  constexpr double most = 1e30;  // of what float32 holds
  require(s.lr > 0.0 && s.lr <= most,
          fmt::format("lr = {} must be positive and at most {}", s.lr, most));
  require(s.warmup >= 0.0 && s.warmup < 1.0,
          fmt::format("warmup = {} is a share of all steps and must lie in [0, 1)", s.warmup));
  constexpr std::array precisions{"fp32", "fp64", "bf16"};
  if (std::find(precisions.begin(), precisions.end(), s.precision) == precisions.end()) {
    throw_unknown("precision", s.precision, "", precisions);
  }
  require(static_cast<std::int64_t>(s.exit_weights.size()) == exits,
          fmt::format("{} exit weights for a network with {} exits (the final one counted)",
                      s.exit_weights.size(), exits));
  require(std::all_of(s.exit_weights.begin(), s.exit_weights.end(),
                      [](double w) { return w >= 0.0 && std::isfinite(w); }) &&
              std::any_of(s.exit_weights.begin(), s.exit_weights.end(),
                          [](double w) { return w > 0.0; }),
          "exit weights must be numbers that are not negative, and one at least positive");
  require(!backbone_frozen(s) || std::any_of(s.exit_weights.begin(), s.exit_weights.end() - 1,
                                             [](double w) { return w > 0.0; }),
          "--freeze backbone leaves nothing to train without an early exit of positive weight");
  constexpr std::array ramps{"none", "linear", "cosine", "switch"};
  if (std::find(ramps.begin(), ramps.end(), s.exit_ramp) == ramps.end()) {
    throw_unknown("exit_ramp", s.exit_ramp, "", ramps);
  }
  at_least("exit_zero_epochs", s.exit_zero_epochs, 0);
  at_least("exit_ramp_end", s.exit_ramp_end, 0);
  at_least("exit_switch_end", s.exit_switch_end, 0);
  const auto share = [&](std::string_view name, double value) {
    require(value >= 0.0 && value <= 1.0,
            fmt::format("{} = {} is a share and must lie in [0, 1]", name, value));
  };
  share("trunk_share", s.trunk_share);
  share("distil_share", s.distil_share);
  require(s.temperature > 0.0 && std::isfinite(s.temperature),
          fmt::format("temperature = {} must be positive", s.temperature));
  at_least("lr_final", s.lr_final, 0.0);
  for (const auto& [name, factor] : s.lr_factors) {
    require(factor >= 0.0 && factor <= most,
            fmt::format("the factor {} in lr_factors of {} must lie between 0 and {}", factor, name,
                        most));
  }
  require(s.class_weights.empty() || static_cast<std::int64_t>(s.class_weights.size()) == classes,
          fmt::format("{} class weights for a network with {} classes", s.class_weights.size(),
                      classes));
  for (const double weight : s.class_weights) {
    at_least("a class weight", weight, 0.0);
  }
  check_best(s.best, last_evaluated(s) + 1);
  entry_of(loss_registry(), "loss", s.loss);
  entry_of(optimiser_registry(), "optimiser", s.optimiser);
  entry_of(schedule_registry(), "schedule", s.schedule);
}

}  // namespace eebench::train
