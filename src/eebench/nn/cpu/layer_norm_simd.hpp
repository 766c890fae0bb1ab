#pragma once

#include <cstdint>

namespace eebench::nn::cpu {

/// y = (x - mean(x)) / sqrt(var(x) + eps) * scale + shift, row by row. x and y are [rows, channels]
/// and dense.
struct LayerNormRows {
  const float* x;
  const float* scale;
  const float* shift;
  float* y;
  std::int64_t rows;
  std::int64_t channels;
  float eps;
};
void layer_norm(const LayerNormRows& norm);

}  // namespace eebench::nn::cpu
