#pragma once

#include <cstdint>

#include "eebench/nn/activation.hpp"

namespace eebench::nn::cpu {

/// Outputs of a layer whose weights lie side by side in memory.
inline constexpr std::int64_t panel_width = 32;

/// Reorders a weight [out, in] to panels [ceil(out / panel_width), in, panel_width], zeros where
/// there is no output.
void pack_panels(const float* weight, std::int64_t in, std::int64_t out, float* panels);

/// y[r, o] = activation(bias[o] + sum_i x[r, i] w[o, i]), each sum in the order of i whatever the
/// number of rows. x and y are row-major and dense.
struct DenseLayer {
  const float* x;
  const float* panels;
  const float* bias;  ///< may be null
  float* y;
  std::int64_t rows;
  std::int64_t in;
  std::int64_t out;
  Activation activation;
};
void linear(const DenseLayer& layer);

/// x = GELU(x), exact form.
void gelu(float* x, std::int64_t count);

}  // namespace eebench::nn::cpu
