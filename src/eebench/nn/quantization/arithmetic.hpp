#pragma once

#include <cstdint>
#include <string>

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include "eebench/nn/quantizer.hpp"

namespace eebench::nn::quantization {

/// `value` with the gradient of x, of the same shape.
at::Tensor straight_through(const at::Tensor& value, const at::Tensor& x);

at::Tensor rounded(const at::Tensor& x, Rounding rounding);

/// 2^n, exactly, for whole n from -126 to 127; its gradient is ln 2 * 2^n.
at::Tensor power_of_two(const at::Tensor& n);

/// 2^round(log2 x), or 2^ceil(log2 x), exactly; the gradient passes through the rounding.
at::Tensor to_power_of_two(const at::Tensor& x, bool upwards);
double to_power_of_two(double x, bool upwards);

/// A scalar of the type and device of x.
at::Tensor constant(double value, const at::Tensor& x);

/// A parameter, [] or [channels], as it broadcasts against x, in the type of x.
at::Tensor spread(const at::Tensor& parameter, const at::Tensor& x, const Operand& operand);

/// A flag among the buffers of a module. It is read from its device only after a write in place,
/// whoever wrote, so that a GPU is not waited for in every forward pass.
class Flag {
 public:
  Flag(torch::nn::Module& module, const std::string& name);
  void set(bool value);
  explicit operator bool() const;

 private:
  at::Tensor buffer_;  ///< int64 scalar
  mutable std::int64_t version_ = -1;
  mutable bool value_ = false;
};

}  // namespace eebench::nn::quantization
