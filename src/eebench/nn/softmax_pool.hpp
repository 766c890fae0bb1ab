#pragma once

#include <ATen/core/Tensor.h>

#include "eebench/nn/ragged.hpp"

namespace eebench::nn {

/// Attention pooling over the rows of each segment: out[s, c] = sum_r w[r, c mod M] values[r, c]
/// for r in s, w the softmax of the scores over the rows of s. values [rows, C], scores [rows, M],
/// C a multiple of M. Returns [segments, C].
at::Tensor softmax_pool(const at::Tensor& values, const at::Tensor& scores, const Ragged& segments);

}  // namespace eebench::nn
