#include "eebench/nn/linear.hpp"

#include <cmath>
#include <utility>

#include <ATen/ATen.h>
#include <torch/nn/init.h>

#include "eebench/nn/cpu/kernels.hpp"
#include "eebench/nn/elementwise.hpp"
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

at::Tensor LinearImpl::forward(const at::Tensor& x, const Context& context, Activation activation) {
  return linear(x, {matrix(), bias, panels_}, context, activation);
}

void LinearImpl::prepare() { panels_ = cpu::panels(matrix()); }

void prepare_linears(torch::nn::Module& module) {
  module.apply([](torch::nn::Module& part) {
    if (auto* linear = part.as<LinearImpl>()) {
      linear->prepare();
    }
  });
}

LinearWeights prepared(LinearWeights weights) {
  weights.panels = cpu::panels(weights.weight);
  return weights;
}

at::Tensor linear(const at::Tensor& x, const LinearWeights& weights, const Context& context,
                  Activation activation) {
  const auto& [weight, bias, panels] = weights;
  const std::int64_t rows = x.size(0);
  const std::int64_t in = weight.size(1);
  const std::int64_t out = weight.size(0);
  const std::int64_t width = context.bfloat16 ? 2 : x.element_size();
  count({.multiply_adds = rows * in * out,
         .elementwise = bias.defined() ? rows * out : 0,
         .bytes = width * rows * (in + out)});
  if (cpu::usable(x) && !context.bfloat16) {
    count_activation(rows * out, activation, x.element_size());
    return cpu::linear(x, panels.defined() ? panels : cpu::panels(weight), bias, out, activation);
  }
  TORCH_CHECK(!context.deterministic, "deterministic mode is for float32 inference on the CPU");
  const auto cast = [&](const at::Tensor& factor) {
    return context.bfloat16 ? factor.to(at::kBFloat16) : factor;
  };
  const at::Tensor y = at::linear(
      cast(x), cast(weight), bias.defined() ? std::optional<at::Tensor>(cast(bias)) : std::nullopt);
  return activate(y.to(x.scalar_type()), activation, context);
}

}  // namespace eebench::nn
