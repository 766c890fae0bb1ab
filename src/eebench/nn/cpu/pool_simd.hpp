#pragma once

#include <cstdint>

namespace eebench::nn::cpu {

/// out[s, c] = sum over the rows r of segment s of w[r, c mod maps] values[r, c], w the softmax of
/// the scores over those rows. All row-major and dense.
struct SoftmaxPool {
  const float* values;          ///< [rows, channels]
  const float* scores;          ///< [rows, maps]
  const std::int64_t* offsets;  ///< [segments + 1] rows of values and scores
  float* out;                   ///< [segments, channels]
  std::int64_t segments;
  std::int64_t channels;
  std::int64_t maps;
};
void softmax_pool(const SoftmaxPool& pool);

/// out[s, c] = sum over the rows r of segment s of x[r, c], in their order; with mean, by their
/// number.
struct SumPool {
  const float* x;               ///< [rows, channels]
  const std::int64_t* offsets;  ///< [segments + 1]
  float* out;                   ///< [segments, channels]
  std::int64_t segments;
  std::int64_t channels;
  bool mean;
};
void sum_pool(const SumPool& pool);

}  // namespace eebench::nn::cpu
