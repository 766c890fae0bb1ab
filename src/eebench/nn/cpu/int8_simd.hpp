#pragma once

#include <cstdint>

#include "eebench/nn/activation.hpp"

namespace eebench::nn::cpu {

/// Where activations lie: q = clamp(round_half_even(x / scale + zero_point), lowest, highest), with
/// bounds in 0..255 or in -128..127.
struct Int8Grid {
  float scale;
  std::int32_t zero_point;
  std::int32_t lowest;
  std::int32_t highest;
};

/// Inputs of a dot product that one multiplication may take; a group g of a row are the inputs
/// g, g + groups, g + 2 groups and g + 3 groups.
inline constexpr std::int64_t inputs_of_group = 4;
constexpr std::int64_t groups_of(std::int64_t in) {
  return (in + inputs_of_group - 1) / inputs_of_group;
}

/// Inputs up to which no sum of products can leave 32 bits.
inline constexpr std::int64_t most_int8_inputs = INT32_MAX / (255 * 128);

/// Reorders a weight [out, in] to panels [ceil(out / panel_width), groups, panel_width] of the four
/// weights of a group, the first in the lowest byte; zeros where there is no input or output.
void pack_int8(const std::int8_t* weight, std::int64_t in, std::int64_t out, std::int32_t* panels);

/// y[r, o] = activation(grid.scale * scale[o] * sum_i (q[r, i] - zero_point) w[o, i] + bias[o])
/// with the sum in integers, hence exact. A row with a NaN becomes NaN. x and y are row-major and
/// dense.
struct Int8Layer {
  const float* x;
  Int8Grid grid;
  const std::int32_t* panels;
  const float* scale;        ///< as many as there are outputs in panels
  const std::int32_t* sums;  ///< of the weights of an output; as many as scales
  const float* bias;         ///< [out]; may be null
  float* y;
  std::int64_t rows;
  std::int64_t in;
  std::int64_t out;
  Activation activation;
};
void linear(const Int8Layer& layer);

}  // namespace eebench::nn::cpu
