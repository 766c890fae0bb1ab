#pragma once

#include <array>
#include <string_view>

#include "eebench/core/names.hpp"

namespace eebench::exec {

/// What the linear layers of a network multiply in.
enum class Precision {
  fp32,
  bf16,  ///< factors rounded to bfloat16, products summed in float32; everything else is fp32
  int8   ///< integers of layers that are quantized to at most 8 bits; the others are fp32
};

inline constexpr std::array<Named<Precision>, 3> precision_names = {
    {{Precision::fp32, "fp32"}, {Precision::bf16, "bf16"}, {Precision::int8, "int8"}}};

inline std::string_view name(Precision precision) {
  return name_of(std::span<const Named<Precision>>(precision_names), precision);
}

/// Throws InputError for a name that there is not.
inline Precision precision_of(std::string_view name) {
  return value_of(std::span<const Named<Precision>>(precision_names), "precision", name);
}

}  // namespace eebench::exec
