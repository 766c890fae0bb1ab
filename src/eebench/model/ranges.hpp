#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "eebench/core/error.hpp"

namespace eebench::model {

/// Wider layers than any jet network needs would only exhaust the memory.
inline constexpr std::int64_t largest_width = 8192;

/// Throws InputError that names key, value and range unless low <= value <= high.
template <class T>
void require_range(std::string_view key, T value, T low, T high) {
  if (!(value >= low && value <= high)) {
    throw InputError(fmt::format("model configuration: {} = {} must lie between {} and {}", key,
                                 value, low, high));
  }
}

inline void require_classes(std::int64_t classes) {
  require_range<std::int64_t>("classes", classes, 2, 1000);
}

inline void require_dropout(double share) { require_range("network.dropout", share, 0.0, 0.99); }

inline void require_width(std::string_view key, std::int64_t width) {
  require_range<std::int64_t>(key, width, 1, largest_width);
}

/// At least one width, each in range.
inline void require_widths(std::string_view key, const std::vector<std::int64_t>& widths) {
  if (widths.empty()) {
    throw InputError(fmt::format("model configuration: {} must not be empty", key));
  }
  for (const std::int64_t width : widths) {
    require_width(key, width);
  }
}

}  // namespace eebench::model
