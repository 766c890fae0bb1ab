#pragma once

#include <ATen/core/Tensor.h>

#include "eebench/nn/context.hpp"
#include "eebench/nn/ragged.hpp"

namespace eebench::nn {

/// Sum, mean or maximum over the particles of each jet: x [sum n, C] to [B, C].
at::Tensor sum_pool(const at::Tensor& x, const Ragged& jets);
at::Tensor mean_pool(const at::Tensor& x, const Ragged& jets);
at::Tensor max_pool(const at::Tensor& x, const Ragged& jets);

}  // namespace eebench::nn
