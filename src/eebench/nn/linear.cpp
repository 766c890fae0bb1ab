#include "eebench/nn/linear.hpp"

#include <cmath>
#include <utility>

#include <ATen/ATen.h>
#include <torch/nn/init.h>

#include "eebench/nn/cpu/kernels.hpp"
#include "eebench/nn/work.hpp"

namespace eebench::nn {

LinearImpl::LinearImpl(std::string site, std::int64_t in, std::int64_t out, LinearOptions options)
    : site_(std::move(site)), in_(in), out_(out) {
  std::vector<std::int64_t> shape{out, in};
  shape.insert(shape.end(), static_cast<std::size_t>(options.trailing), 1);
  // PyTorch's default for Linear and Conv: uniform within 1/sqrt(fan_in).
  const double bound = 1.0 / std::sqrt(static_cast<double>(in));
  weight = register_parameter("weight", at::empty(shape).uniform_(-bound, bound));
  if (options.bias) {
    bias = register_parameter("bias", at::empty({out}).uniform_(-bound, bound));
  }
}

at::Tensor LinearImpl::forward(const at::Tensor& x, const Context& context) {
  return linear(x, matrix(), bias, context);
}

at::Tensor linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                  const Context& context) {
  const std::int64_t rows = x.size(0);
  const std::int64_t in = weight.size(1);
  const std::int64_t out = weight.size(0);
  const std::int64_t width = context.bfloat16 ? 2 : x.element_size();
  count({.multiply_adds = rows * in * out,
         .elementwise = bias.defined() ? rows * out : 0,
         .bytes = width * rows * (in + out)});
  if (context.deterministic) {
    return cpu::linear_fixed_order(x, weight, bias);
  }
  const std::optional<at::Tensor> shift =
      bias.defined() ? std::optional<at::Tensor>(bias) : std::nullopt;
  if (context.bfloat16) {
    return at::linear(x.to(at::kBFloat16), weight.to(at::kBFloat16),
                      shift ? std::optional<at::Tensor>(shift->to(at::kBFloat16)) : std::nullopt)
        .to(x.scalar_type());
  }
  return at::linear(x, weight, shift);
}

}  // namespace eebench::nn
