#pragma once

#include <cstdint>

namespace eebench::nn::cpu {

/// Edges of `particles` particles to k neighbours each:
/// out[i * k + j, c] = own[i, c] + other[neighbours[i * k + j], c], with relu its positive part. A
/// neighbour >= rows of `other` is missing and adds nothing. All row-major and dense.
struct EdgeGather {
  const float* own;                ///< [particles, channels]
  const float* other;              ///< [rows, channels]
  const std::int64_t* neighbours;  ///< [particles, k]
  float* out;                      ///< [particles * k, channels]
  std::int64_t particles;
  std::int64_t rows;
  std::int64_t k;
  std::int64_t channels;
  bool relu;
};
void gather_add(const EdgeGather& edges);

/// The gradient of gather_add: own[i] += in[i * k + j] and other[neighbours[i * k + j]] += it,
/// where the neighbour is there.
struct EdgeScatter {
  const float* in;                 ///< [particles * k, channels]
  const std::int64_t* neighbours;  ///< [particles, k]
  float* own;                      ///< [particles, channels]
  float* other;                    ///< [particles, channels]
  std::int64_t particles;
  std::int64_t k;
  std::int64_t channels;
};
void scatter_edges(const EdgeScatter& edges);

/// out[i, c] = mean over j < k of max(0, x[i * k + j, c] + bias[c])
void bias_relu_mean(const float* x, const float* bias, float* out, std::int64_t particles,
                    std::int64_t k, std::int64_t channels);

/// x[e, c] = max(0, x[e, c] + own[from[e], c] + other[to[e], c]), all row-major and dense.
struct EdgeSum {
  const float* own;          ///< [particles, channels]
  const float* other;        ///< [particles, channels]
  const std::int64_t* from;  ///< [edges]
  const std::int64_t* to;    ///< [edges]
  float* x;                  ///< [edges, channels]
  std::int64_t edges;
  std::int64_t channels;
};
void edge_sum_relu(const EdgeSum& sum);

}  // namespace eebench::nn::cpu
