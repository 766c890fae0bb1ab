#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

#include "eebench/nn/context.hpp"
#include "eebench/nn/ragged.hpp"

namespace eebench::nn {

/// How attention probabilities are dropped in training.
struct AttentionDropout {
  double p = 0.0;
  std::uint64_t site = 0;
};

/// Scaled dot-product attention within each jet: softmax(q k^T / sqrt(C / heads) + bias) v.
/// q, k, v [sum n, C]; bias [sum n^2, heads] holding [heads, n, n] a jet (not [n, n, heads]), or
/// undefined. Returns [sum n, C].
at::Tensor self_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                          const at::Tensor& bias, const Ragged& jets, std::int64_t heads,
                          AttentionDropout dropout, const Context& context);

/// The same with jets filled up to a multiple of eight particles: what runs on GPUs, and counts.
at::Tensor self_attention_padded(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                                 const at::Tensor& bias, const Ragged& jets, std::int64_t heads,
                                 AttentionDropout dropout, const Context& context);

/// Attention of one query a jet, q [B, C], to the jet's keys: k, v [sum keys, C]. Returns [B, C].
at::Tensor class_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                           const Ragged& keys, std::int64_t heads, const Context& context);
/// The same with jets filled up: what runs on GPUs.
at::Tensor class_attention_padded(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                                  const Ragged& keys, std::int64_t heads);

}  // namespace eebench::nn
