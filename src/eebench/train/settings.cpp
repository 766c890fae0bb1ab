#include "eebench/train/settings.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <map>
#include <numbers>
#include <string_view>

#include <fmt/format.h>

#include "eebench/core/error.hpp"
#include "eebench/core/names.hpp"
#include "eebench/train/loss.hpp"

namespace eebench::train {
namespace {

template <class T>
T required(const toml::node& node, const std::string& where, std::string_view key) {
  const auto value = node.value<T>();
  if (!value) {
    throw InputError(fmt::format("{}, line {}: train.{} has a value of the wrong kind", where,
                                 node.source().begin.line, key));
  }
  return *value;
}

}  // namespace

Settings settings_of(const model::ModelConfig& config) {
  Settings s;
  const toml::table* table = config.table["train"].as_table();
  if (table == nullptr) {
    return s;
  }
  using Read = std::function<void(const toml::node&, std::string_view)>;
  const auto into = [&]<class T>(T& target) -> Read {
    return [&](const toml::node& node, std::string_view key) {
      target = required<T>(node, config.where, key);
    };
  };
  const std::map<std::string, Read, std::less<>> keys{
      {"global_batch", into(s.global_batch)},
      {"epochs", into(s.epochs)},
      {"lr", into(s.lr)},
      {"weight_decay", into(s.weight_decay)},
      {"warmup", into(s.warmup)},
      {"clip", into(s.clip)},
      {"loss", into(s.loss)},
      {"patience", into(s.patience)},
      {"steps", into(s.steps)},
      {"seed", into(s.seed)},
      {"precision", into(s.precision)},
      {"freeze_backbone", into(s.freeze_backbone)},
      {"checkpoint_steps", into(s.checkpoint_steps)},
      {"exit_weights", [&](const toml::node& node, std::string_view key) {
         const toml::array* values = node.as_array();
         if (values == nullptr) {
           throw InputError(
               fmt::format("{}, line {}: train.{} must be a list with one number an exit",
                           config.where, node.source().begin.line, key));
         }
         for (const toml::node& value : *values) {
           s.exit_weights.push_back(required<double>(value, config.where, key));
         }
       }}};
  for (const auto& [key, value] : *table) {
    const auto found = keys.find(key.str());
    if (found == keys.end()) {
      std::vector<std::string_view> names;
      for (const auto& item : keys) {
        names.push_back(item.first);
      }
      throw_unknown("key of [train]", key.str(),
                    fmt::format("{}, line {}", config.where, value.source().begin.line), names);
    }
    found->second(value, key.str());
  }
  return s;
}

model::ModelConfig with_settings(model::ModelConfig config, const Settings& s) {
  toml::array exit_weights;
  for (const double weight : s.exit_weights) {
    exit_weights.push_back(weight);
  }
  config.table.insert_or_assign("train", toml::table{{"global_batch", s.global_batch},
                                                     {"epochs", s.epochs},
                                                     {"steps", s.steps},
                                                     {"lr", s.lr},
                                                     {"weight_decay", s.weight_decay},
                                                     {"warmup", s.warmup},
                                                     {"clip", s.clip},
                                                     {"exit_weights", std::move(exit_weights)},
                                                     {"loss", s.loss},
                                                     {"patience", s.patience},
                                                     {"seed", static_cast<std::int64_t>(s.seed)},
                                                     {"precision", s.precision},
                                                     {"freeze_backbone", s.freeze_backbone},
                                                     {"checkpoint_steps", s.checkpoint_steps}});
  return config;
}

void check(const Settings& s, std::int64_t exits) {
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
  at_least("weight_decay", s.weight_decay, 0.0);
  at_least("clip", s.clip, 0.0);
  at_least("patience", s.patience, 0);
  at_least("checkpoint_steps", s.checkpoint_steps, 1);
  require(s.lr > 0.0 && std::isfinite(s.lr), fmt::format("lr = {} must be positive", s.lr));
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
                      [](double w) { return w >= 0.0; }) &&
              std::any_of(s.exit_weights.begin(), s.exit_weights.end(),
                          [](double w) { return w > 0.0; }),
          "exit weights must not be negative, and one at least positive");
  require(!s.freeze_backbone || std::any_of(s.exit_weights.begin(), s.exit_weights.end() - 1,
                                            [](double w) { return w > 0.0; }),
          "--freeze backbone leaves nothing to train without an early exit of positive weight");
  std::vector<std::string_view> losses;
  for (const LossEntry& entry : loss_registry()) {
    losses.push_back(entry.name);
  }
  if (std::find(losses.begin(), losses.end(), s.loss) == losses.end()) {
    throw_unknown("loss", s.loss, "", losses);
  }
}

double schedule_factor(std::int64_t step, std::int64_t total, double warmup) {
  const double rise = std::floor(warmup * static_cast<double>(total));
  const double now = static_cast<double>(step);
  if (now < rise) {
    return (now + 1.0) / rise;
  }
  const double progress = (now - rise) / std::max(1.0, static_cast<double>(total) - rise);
  return 0.5 * (1.0 + std::cos(std::numbers::pi * progress));
}

}  // namespace eebench::train
