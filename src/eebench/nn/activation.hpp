#pragma once

#include <cstdint>

namespace eebench::nn {

/// What follows a linear layer in the same pass over memory. GELU is the exact one, by the error
/// function.
enum class Activation : std::uint8_t { none, relu, leaky_relu, gelu };

/// Of the leaky ReLU, for negative numbers.
inline constexpr double leaky_slope = 0.01;

}  // namespace eebench::nn
