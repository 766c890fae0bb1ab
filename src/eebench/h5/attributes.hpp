#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "eebench/h5/object.hpp"

namespace eebench::h5 {

using Attributes =
    std::map<std::string, std::variant<std::string, std::int64_t, double, std::vector<double>>>;

/// \collective
inline void set_attributes(Object& object, const Attributes& attributes) {
  for (const auto& [key, value] : attributes) {
    std::visit([&, name = key](const auto& v) { object.set_attribute(name, v); }, value);
  }
}

}  // namespace eebench::h5
