#pragma once

#include <ATen/core/Tensor.h>

#include "eebench/nn/ragged.hpp"

namespace eebench::nn::cpu {

/// True for float32 on the CPU.
bool is_float(const at::Tensor& x);

/// True where the fused kernels below apply: float32 on the CPU, and nobody needs a gradient.
bool usable(const at::Tensor& x);

/// See cpu/simd.hpp. Throws where !usable(x): the deterministic path exists for float32 inference.
at::Tensor linear_fixed_order(const at::Tensor& x, const at::Tensor& weight,
                              const at::Tensor& bias);

void gelu_in_place(at::Tensor& x);

/// q [sum queries, C], k and v [sum keys, C] (their rows may be strided), bias [sum queries * keys,
/// H] holding [H, queries, keys] a jet, or undefined. Returns [sum queries, C].
at::Tensor attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                     const at::Tensor& bias, const Ragged& queries, const Ragged& keys,
                     std::int64_t heads);

}  // namespace eebench::nn::cpu
