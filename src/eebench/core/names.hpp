#pragma once

#include <algorithm>
#include <numeric>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "eebench/core/error.hpp"

namespace eebench {

/// Number of single-character edits between two words.
inline std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t substituted = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({substituted, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

/// The error for a name that does not exist: "unknown rule 'confidense' in suite.toml (did you mean
/// 'confidence'?); there are: ...".
template <class Names>
[[noreturn]] void throw_unknown(std::string_view kind, std::string_view name,
                                std::string_view where, const Names& known) {
  std::string list;
  std::string nearest;
  std::size_t best = 4;
  for (const auto& candidate : known) {
    const std::string_view text(candidate);
    list += (list.empty() ? "" : ", ") + std::string(text);
    if (const std::size_t distance = edit_distance(name, text); distance < best) {
      best = distance;
      nearest = text;
    }
  }
  throw InputError(fmt::format(
      "unknown {} '{}'{}{}{}; there are: {}", kind, name, where.empty() ? "" : " in ", where,
      nearest.empty() ? "" : fmt::format(" (did you mean '{}'?)", nearest), list));
}

/// One row of a table that names the values of an enumeration.
template <class T>
struct Named {
  T value;
  std::string_view name;
};

template <class T>
std::string_view name_of(std::span<const Named<T>> table, T value) {
  return std::find_if(table.begin(), table.end(),
                      [&](const auto& row) { return row.value == value; })
      ->name;
}

/// The row of that name in a table of any kind of thing.
template <class Table>
const auto& entry_of(const Table& table, std::string_view kind, std::string_view name,
                     std::string_view where = "") {
  std::vector<std::string_view> names;
  for (const auto& row : table) {
    if (row.name == name) {
      return row;
    }
    names.push_back(row.name);
  }
  throw_unknown(kind, name, where, names);
}

template <class T>
T value_of(std::span<const Named<T>> table, std::string_view kind, std::string_view name) {
  return entry_of(table, kind, name).value;
}

}  // namespace eebench
