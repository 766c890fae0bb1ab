#pragma once

#include <ATen/core/Tensor.h>

#include "eebench/nn/context.hpp"

namespace eebench::nn::cpu {

struct Normalised {
  at::Tensor y;         ///< [rows, C], differentiable
  at::Tensor mean;      ///< [C] float64, over the rows of all ranks
  at::Tensor variance;  ///< [C] float64, biased
  at::Tensor rows;      ///< [1] float64, of all ranks
};

/// BatchNorm in training of x [rows, C] float32 on the CPU, with relu its positive part. Memory is
/// read twice forward and twice backward; statistics are kept in float64.
/// \collective where context.sum_over_ranks is set, and so is its backward pass.
Normalised batch_norm(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                      bool relu, const Context& context);

}  // namespace eebench::nn::cpu
