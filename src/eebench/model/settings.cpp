#include "eebench/model/settings.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "eebench/core/error.hpp"
#include "eebench/core/names.hpp"

namespace eebench::model {

Settings::Settings(const ModelConfig& config, const std::string& name)
    : Settings(name.empty() ? &config.table : config.table[name].as_table(), name, config.where) {}

void Settings::finish() const {
  if (table_ == nullptr) {
    return;
  }
  for (const auto& [key, value] : *table_) {
    if (std::find(known_.begin(), known_.end(), std::string(key.str())) == known_.end()) {
      throw_unknown(name_.empty() ? "key" : fmt::format("key of [{}]", name_), key.str(),
                    fmt::format("{}, line {}", where_, value.source().begin.line), known_);
    }
  }
}

void Settings::wrong(const toml::node& node, const std::string& key,
                     const std::string& kind) const {
  throw InputError(
      fmt::format("{}, line {}: '{}' must be {}", where_, node.source().begin.line, key, kind));
}

void Settings::convert(const toml::node& node, const std::string& key, std::int64_t& value) const {
  if (!node.is_integer()) {
    wrong(node, key, "an integer");
  }
  value = *node.value<std::int64_t>();
}

void Settings::convert(const toml::node& node, const std::string& key, double& value) const {
  if (!node.is_number()) {
    wrong(node, key, "a number");
  }
  value = *node.value<double>();
}

void Settings::convert(const toml::node& node, const std::string& key, bool& value) const {
  if (!node.is_boolean()) {
    wrong(node, key, "true or false");
  }
  value = *node.value<bool>();
}

void Settings::convert(const toml::node& node, const std::string& key, std::string& value) const {
  if (!node.is_string()) {
    wrong(node, key, "a text");
  }
  value = *node.value<std::string>();
}

}  // namespace eebench::model
