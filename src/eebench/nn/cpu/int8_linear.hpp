#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

#include "eebench/nn/activation.hpp"
#include "eebench/nn/cpu/int8_simd.hpp"

namespace eebench::nn::cpu {

/// A weight of integers as linear_int8 reads it, padded to whole panels.
struct Int8Weights {
  at::Tensor panels;  ///< int32 words, see pack_int8
  at::Tensor scale;   ///< float32, of an output
  at::Tensor sums;    ///< int32, of the integers of an output
  std::int64_t in;
  std::int64_t out;
};

/// Of the weight scale[o] * integers[o, i]: int8 [out, in], float32 [out] or [1]. There may be
/// most_int8_inputs.
Int8Weights int8_panels(const at::Tensor& integers, const at::Tensor& scale);

/// activation(x' W^T + b) where x' is x on the grid, for x [rows, in] in float32 on the CPU, bias
/// [out] or undefined. Products are summed in int32, and so exactly; a row of x with a NaN gives
/// NaN.
at::Tensor linear_int8(const at::Tensor& x, const Int8Weights& weights, const Int8Grid& grid,
                       const at::Tensor& bias, Activation activation);

}  // namespace eebench::nn::cpu
