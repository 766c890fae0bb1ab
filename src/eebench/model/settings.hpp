#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <toml++/toml.h>

#include "eebench/model/registry.hpp"

namespace eebench::model {

/// Reads the keys of one table of a model configuration, or of another file, and, at the end,
/// refuses those that nobody read. Everything wrong is an InputError with file and line.
class Settings {
 public:
  /// The table of that name, or the configuration itself for an empty one.
  Settings(const ModelConfig& config, const std::string& name);
  /// A table of the file `where`, which calls it `name`; null: nothing was given.
  Settings(const toml::table* table, std::string name, std::string where)
      : table_(table), name_(std::move(name)), where_(std::move(where)) {}

  /// Leaves the value as it is where the key is missing.
  template <class T>
  void read(const std::string& key, T& value) {
    known_.push_back(key);
    if (table_ != nullptr && table_->contains(key)) {
      convert(*table_->get(key), key, value);
    }
  }
  /// Of each table of a list; none where the key is missing.
  std::vector<Settings> tables(const std::string& key);
  void ignore(const std::string& key) { known_.push_back(key); }
  /// File and line of the table.
  std::string place() const;
  void finish() const;

 private:
  [[noreturn]] void wrong(const toml::node& node, const std::string& key,
                          const std::string& kind) const;
  void convert(const toml::node& node, const std::string& key, std::int64_t& value) const;
  void convert(const toml::node& node, const std::string& key, double& value) const;
  void convert(const toml::node& node, const std::string& key, bool& value) const;
  void convert(const toml::node& node, const std::string& key, std::string& value) const;
  void convert(const toml::node& node, const std::string& key,
               std::map<std::string, double>& values) const;
  template <class T>
  void convert(const toml::node& node, const std::string& key, std::vector<T>& values) const {
    const toml::array* array = node.as_array();
    if (array == nullptr) {
      wrong(node, key, "a list");
    }
    values.assign(array->size(), T{});
    for (std::size_t i = 0; i < values.size(); ++i) {
      convert(*array->get(i), key, values[i]);
    }
  }

  const toml::table* table_;
  std::string name_;
  std::string where_;
  std::vector<std::string> known_;
};

}  // namespace eebench::model
