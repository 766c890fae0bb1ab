#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <toml++/toml.h>

#include "eebench/core/error.hpp"
#include "eebench/core/names.hpp"

namespace eebench::bench {

/// One value of a suite and where it stands, for messages.
class Value {
 public:
  Value(const toml::node& node, std::string place) : node_(&node), place_(std::move(place)) {}

  std::string text() const {
    if (const auto value = node_->value_exact<std::string>()) {
      return *value;
    }
    fail("a string in quotes");
  }
  std::int64_t integer(std::int64_t lowest) const {
    const auto value = node_->value_exact<std::int64_t>();
    if (!value || *value < lowest) {
      fail(fmt::format("an integer of at least {}", lowest));
    }
    return *value;
  }
  double number() const {
    if (!node_->is_number()) {
      fail("a number");
    }
    return *node_->value<double>();
  }
  bool boolean() const {
    if (const auto value = node_->value_exact<bool>()) {
      return *value;
    }
    fail("true or false");
  }
  const toml::table& table() const {
    if (!node_->is_table()) {
      fail("a table");
    }
    return *node_->as_table();
  }
  bool is_array() const { return node_->is_array(); }
  bool is_table() const { return node_->is_table(); }
  bool is_text() const { return node_->is_string(); }
  const std::string& place() const { return place_; }

  /// The elements of an array, or the value itself as the only one.
  std::vector<Value> list() const {
    std::vector<Value> values;
    if (!is_array()) {
      values.push_back(*this);
    } else {
      for (const toml::node& element : *node_->as_array()) {
        values.emplace_back(element, place_);
      }
    }
    if (values.empty()) {
      fail("at least one value");
    }
    return values;
  }
  [[noreturn]] void fail(std::string_view wanted) const {
    throw InputError(fmt::format("{} must be {}", place_, wanted));
  }

 private:
  const toml::node* node_;
  std::string place_;
};

using Setter = std::function<void(const Value&)>;
using Setters = std::map<std::string, Setter, std::less<>>;

/// Every key of a table through its setter. Throws InputError for a key that has none.
inline void read_table(const toml::table& table, const std::string& place, const Setters& setters) {
  std::vector<std::string_view> known;
  for (const auto& [key, setter] : setters) {
    known.push_back(key);
  }
  for (const auto& [key, node] : table) {
    const std::string_view word(key.str());
    const auto found = setters.find(word);
    if (found == setters.end()) {
      throw_unknown("key", word, place, known);
    }
    found->second(Value(node, fmt::format("{}: {}", place, word)));
  }
}

/// The elements of a list, or the value as the only one; none twice.
template <class T, class Read>
std::vector<T> list_of(const Value& value, Read read) {
  std::vector<T> result;
  for (const Value& element : value.list()) {
    const T item = read(element);
    if (std::find(result.begin(), result.end(), item) != result.end()) {
      value.fail("a list without repetitions");
    }
    result.push_back(item);
  }
  return result;
}

/// `act()`, whose errors get the place.
template <class Act>
auto located(const std::string& place, Act act) {
  try {
    return act();
  } catch (const InputError& error) {
    throw InputError(fmt::format("{}: {}", place, error.what()));
  }
}

}  // namespace eebench::bench
