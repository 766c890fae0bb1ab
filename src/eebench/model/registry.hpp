#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include <toml++/toml.h>

#include "eebench/model/network.hpp"

namespace eebench::model {

/// A network that ships with a configuration, configs/models/<name>.toml.
struct ModelEntry {
  std::string_view name;
  std::string_view sentence;
};
std::span<const ModelEntry> model_registry();

/// A model configuration: which network, with which inputs, classes and exits.
struct ModelConfig {
  std::string name;      ///< as the file says, else its stem
  std::string features;  ///< data configuration: a name of configs/data, or a YAML file
  toml::table table;
  std::string where;  ///< file it was read from, for errors

  /// As TOML text, complete: stored with weights, so that they can be loaded without the file.
  std::string text() const;
};

/// SHA-256 over what a network is built from: all of a configuration but its name and [train].
std::string network_sha256(const ModelConfig& config);

/// By name of the registry or path of a TOML file. Throws InputError that lists what exists.
ModelConfig load_model_config(const std::string& name_or_path);
/// From text() of one; `where` is named in errors.
ModelConfig parse_model_config(const std::string& text, const std::string& where);

/// Builds the network for this number of features per particle. Throws InputError for unknown keys,
/// values of a wrong kind, and settings that do not fit together.
std::unique_ptr<Network> make_network(const ModelConfig& config, std::int64_t features);

}  // namespace eebench::model
