#include "eebench/cli/network.hpp"

#include <algorithm>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include <ATen/Context.h>
#include <fmt/format.h>

#include "eebench/core/error.hpp"
#include "eebench/core/names.hpp"
#include "eebench/data/automatic.hpp"
#include "eebench/sys/resource.hpp"

namespace eebench::cli {
namespace {

model::ModelConfig config_of(const bench::ModelEntry& entry, const model::Weights& weights) {
  if (entry.config.empty() && weights.config.empty()) {
    throw InputError(
        fmt::format("{} carries no model configuration; name one: --model, or in a suite "
                    "[models.{}] config = \"...\"",
                    entry.weights.string(), entry.name));
  }
  model::ModelConfig config =
      entry.config.empty() ? model::parse_model_config(weights.config, entry.weights.string())
                           : model::load_model_config(entry.config);
  if (!entry.features.empty()) {
    config.features = entry.features;
  }
  return config;
}

bool has_early_heads(const model::StateDict& tensors) {
  return std::any_of(tensors.begin(), tensors.end(),
                     [](const auto& tensor) { return tensor.first.starts_with("exits."); });
}

}  // namespace

data::DataConfig load_features(const std::string& name) {
  const std::filesystem::path file = name;
  if (file.extension() == ".yaml" || file.extension() == ".yml") {
    if (!std::filesystem::is_regular_file(file)) {
      throw InputError(fmt::format(
          "{}: no such file; name the data configuration (YAML) that the network was made for: "
          "--features, or in a suite [models.<name>] features = \"...\"",
          name));
    }
    return data::DataConfig::load(file);
  }
  const std::filesystem::path folder = sys::find_resource("configs/data");
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() == ".yaml") {
      names.push_back(entry.path().stem());
    }
  }
  if (std::find(names.begin(), names.end(), name) == names.end()) {
    std::sort(names.begin(), names.end());
    throw_unknown("feature set", name, "", names);
  }
  return data::DataConfig::load(folder / (name + ".yaml"));
}

data::DataConfig load_trained_features(const std::string& name) {
  data::DataConfig config = load_features(name);
  if (config.automatic()) {
    if (const auto numbers = data::automatic_file(config.file); std::filesystem::exists(numbers)) {
      return data::DataConfig::load(numbers);
    }
  }
  return config;
}

LoadedNetwork draw_network(const model::ModelConfig& config) {
  LoadedNetwork drawn{.config = config, .features = load_trained_features(config.features)};
  at::manual_seed(1);
  drawn.network =
      model::make_network(config, static_cast<std::int64_t>(drawn.features.features.size()));
  drawn.network->eval();
  return drawn;
}

LoadedNetwork load_network(const bench::ModelEntry& entry) {
  if (entry.weights.empty()) {
    return draw_network(config_of(entry, {}));
  }
  model::Weights weights = model::read_weights(entry.weights);
  if (!weights.whole_sha256.empty()) {
    throw InputError(fmt::format("{} holds a piece of a network for eebench deploy; give the whole",
                                 entry.weights.string()));
  }
  model::ModelConfig config = config_of(entry, weights);
  if (weights.config.empty()) {
    model::adopt_head_layout(config, weights.tensors);
  }
  if (!has_early_heads(weights.tensors)) {
    config.table.erase("exits");
  }
  LoadedNetwork loaded = draw_network(config);
  model::load_state_dict(*loaded.network, weights.tensors, entry.weights.string());
  loaded.weights = std::move(weights);
  return loaded;
}

LoadedNetwork load_piece(const bench::ModelEntry& entry, const model::Segments& segments) {
  model::Weights weights = model::read_weights(entry.weights);
  if (weights.whole_sha256.empty()) {
    throw InputError(fmt::format("{} holds a whole network; give a piece of eebench deploy --save",
                                 entry.weights.string()));
  }
  LoadedNetwork loaded = draw_network(config_of(entry, weights));
  model::load_piece(*loaded.network, weights.tensors, entry.weights.string(), segments);
  loaded.weights = std::move(weights);
  return loaded;
}

}  // namespace eebench::cli
