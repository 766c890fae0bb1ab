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

std::vector<Settings> Settings::tables(const std::string& key) {
  known_.push_back(key);
  std::vector<Settings> all;
  const toml::node* node = table_ == nullptr ? nullptr : table_->get(key);
  if (node == nullptr) {
    return all;
  }
  if (!node->is_array() || !node->as_array()->is_array_of_tables()) {
    wrong(*node, key, "a list of tables");
  }
  for (const toml::node& entry : *node->as_array()) {
    all.emplace_back(entry.as_table(),
                     fmt::format("{}{}{}[{}]", name_, name_.empty() ? "" : ".", key, all.size()),
                     where_);
  }
  return all;
}

std::string Settings::place() const {
  return fmt::format("{}, line {}", where_, table_ == nullptr ? 1 : table_->source().begin.line);
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

void Settings::convert(const toml::node& node, const std::string& key,
                       std::map<std::string, double>& values) const {
  const toml::table* table = node.as_table();
  if (table == nullptr) {
    wrong(node, key, "a table of numbers");
  }
  values.clear();
  for (const auto& [name, number] : *table) {
    convert(number, fmt::format("{}.{}", key, name.str()), values[std::string(name.str())]);
  }
}

}  // namespace eebench::model
