#pragma once

#include <cstdint>

namespace eebench::nn::cpu {

/// Attention of one jet and all heads: out = softmax(q k^T / sqrt(d) + bias) v.
struct AttentionJet {
  const float* q;  ///< [queries, heads * d], rows q_stride apart
  const float* k;  ///< [keys, heads * d], rows kv_stride apart
  const float* v;
  const float* bias;  ///< [heads, queries, keys] or null
  float* out;         ///< [queries, heads * d] dense
  std::int64_t q_stride;
  std::int64_t kv_stride;
  std::int64_t queries;
  std::int64_t keys;
  std::int64_t heads;
  std::int64_t head_dim;
};
void attention(const AttentionJet& jet);

}  // namespace eebench::nn::cpu
