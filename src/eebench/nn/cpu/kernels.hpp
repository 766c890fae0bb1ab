#pragma once

#include <ATen/core/Tensor.h>

#include "eebench/nn/activation.hpp"
#include "eebench/nn/ragged.hpp"

namespace eebench::nn::cpu {

/// True for float32 on the CPU.
bool is_float(const at::Tensor& x);

/// True where the fused kernels below apply: float32 on the CPU, and nobody needs a gradient.
bool usable(const at::Tensor& x);

/// A float32 weight [out, in] on the CPU as linear() below reads it; undefined for any other.
at::Tensor panels(const at::Tensor& weight);

/// activation(x W^T + b) for x [rows, in]: every sum in index order, whatever the number of rows.
/// `panels` are those of W [out, in]; bias [out] or undefined.
at::Tensor linear(const at::Tensor& x, const at::Tensor& panels, const at::Tensor& bias,
                  std::int64_t out, Activation activation);

void gelu_in_place(at::Tensor& x);

/// LayerNorm of the rows of x [rows, C].
at::Tensor layer_norm(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                      double eps);

/// Of jets first .. last, in the layouts of nn::pair_features and nn::mirror_pairs.
at::Tensor pair_features(const at::Tensor& vectors, const Ragged& jets, std::int64_t first,
                         std::int64_t last);
at::Tensor mirror_pairs(const at::Tensor& lower, const Ragged& jets, std::int64_t first,
                        std::int64_t last);

/// q [sum queries, C], k and v [sum keys, C] (their rows may be strided), bias [sum queries * keys,
/// H] holding [H, queries, keys] a jet, or undefined. Returns [sum queries, C].
at::Tensor attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                     const at::Tensor& bias, const Ragged& queries, const Ragged& keys,
                     std::int64_t heads);

}  // namespace eebench::nn::cpu
