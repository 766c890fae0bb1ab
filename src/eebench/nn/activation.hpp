#pragma once

#include <cstdint>

namespace eebench::nn {

/// What follows a linear layer in the same pass over memory. GELU is the exact one, by the error
/// function.
enum class Activation : std::uint8_t { none, relu, gelu };

}  // namespace eebench::nn
