#pragma once

#include <cstdint>

namespace eebench::nn::cpu {

/// Edges of `particles` particles to k neighbours each:
/// out[i * k + j, c] = max(0, own[i, c] + other[neighbours[i * k + j], c]). A neighbour >= rows of
/// `other` is missing and adds nothing. All row-major and dense.
struct EdgeGather {
  const float* own;                ///< [particles, channels]
  const float* other;              ///< [rows, channels]
  const std::int64_t* neighbours;  ///< [particles, k]
  float* out;                      ///< [particles * k, channels]
  std::int64_t particles;
  std::int64_t rows;
  std::int64_t k;
  std::int64_t channels;
};
void gather_add_relu(const EdgeGather& edges);

/// x[r, c] = max(0, x[r, c] + bias[c])
void bias_relu(float* x, const float* bias, std::int64_t rows, std::int64_t channels);

/// out[i, c] = mean over j < k of max(0, x[i * k + j, c] + bias[c])
void bias_relu_mean(const float* x, const float* bias, float* out, std::int64_t particles,
                    std::int64_t k, std::int64_t channels);

}  // namespace eebench::nn::cpu
