#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

#include "eebench/nn/ragged.hpp"

namespace eebench::nn {

/// Excitation (Hu et al., arXiv:1709.01507): rows of x [rows, C] times their jet's
/// gain * sigmoid(scores), scores [B, C], gain [C] or undefined. Without gradients it works in
/// place on x: the caller's to give away.
at::Tensor gate(at::Tensor x, const at::Tensor& scores, const at::Tensor& gain, const Ragged& jets);

/// FLOPs charged for a sigmoid.
inline constexpr std::int64_t sigmoid_flops = 12;

}  // namespace eebench::nn
