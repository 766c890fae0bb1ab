#pragma once

#include <concepts>
#include <string>
#include <string_view>
#include <utility>

#include "eebench/core/error.hpp"

namespace eebench {

/// The same number in another integer type. Throws InputError naming `what` where it does not fit.
template <std::integral To, std::integral From>
constexpr To narrow(From value, std::string_view what) {
  if (!std::in_range<To>(value)) {
    throw InputError(std::string(what) + " is " + std::to_string(value) +
                     ", which does not fit into " + std::to_string(sizeof(To) * 8) + " bits");
  }
  return static_cast<To>(value);
}

}  // namespace eebench
