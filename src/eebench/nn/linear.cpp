#include "eebench/nn/linear.hpp"

#include <cmath>
#include <utility>

#include <ATen/ATen.h>
#include <torch/nn/init.h>

#include "eebench/nn/cpu/int8_linear.hpp"
#include "eebench/nn/cpu/kernels.hpp"
#include "eebench/nn/elementwise.hpp"
#include "eebench/nn/work.hpp"

namespace eebench::nn {

struct Int8Layer {
  cpu::Int8Weights weights;
  cpu::Int8Grid input;
};

namespace {

bool within(const Grid& grid, double lowest, double highest) {
  return at::all(grid.lowest >= lowest).item<bool>() &&
         at::all(grid.highest <= highest).item<bool>();
}

Int8Layer int8_layer(const at::Tensor& weight, const Quantizers& quantizers) {
  const at::NoGradGuard no_grad;
  const Grid of_weight = quantizers.weight->grid(weight);
  const Grid input = quantizers.input->grid(weight);
  const at::Tensor integers = quantizers.weight->integers(weight).to(at::kChar);
  const auto whole = [](const at::Tensor& number) {
    return number.defined() ? static_cast<std::int32_t>(number.item<double>()) : 0;
  };
  return {.weights = cpu::int8_panels(integers, of_weight.scale.reshape({-1})),
          .input = {.scale = input.scale.item<float>(),
                    .zero_point = whole(input.zero_point),
                    .lowest = whole(input.lowest),
                    .highest = whole(input.highest)}};
}

}  // namespace

bool fits_int8(const at::Tensor& weight, const Quantizers& quantizers) {
  const at::NoGradGuard no_grad;
  const Grid of_weight = quantizers.weight->grid(weight);
  const Grid input = quantizers.input->grid(weight);
  return weight.size(1) <= cpu::most_int8_inputs && quantizers.input->is_linear() &&
         !of_weight.zero_point.defined() && within(of_weight, -128, 127) &&
         of_weight.scale.numel() <= weight.size(0) && input.scale.numel() == 1 &&
         !input.step.defined() && input.rounding == Rounding::rnd_conv &&
         input.bounds != Bounds::wrap && input.bounds != Bounds::none &&
         (within(input, 0, 255) || within(input, -128, 127));
}

LinearImpl::LinearImpl(std::string site, std::int64_t in, std::int64_t out, LinearOptions options)
    : site_(std::move(site)), in_(in), out_(out), is_cut_(options.is_cut) {
  std::vector<std::int64_t> shape{out, in};
  shape.insert(shape.end(), static_cast<std::size_t>(options.trailing), 1);
  // PyTorch's default for Linear and Conv: uniform within 1/sqrt(fan_in).
  const double fan = 1.0 / std::sqrt(static_cast<double>(in));
  const double bound = options.bound > 0.0 ? options.bound : fan;
  weight = register_parameter(options.prefix + "weight", at::empty(shape).uniform_(-bound, bound));
  if (options.bias) {
    bias = register_parameter(options.prefix + "bias", options.bound > 0.0
                                                           ? at::zeros({out})
                                                           : at::empty({out}).uniform_(-fan, fan));
  }
}

void LinearImpl::quantize(Quantizers quantizers) {
  quantizers_ = std::move(quantizers);
  register_module("weight_quantizer", quantizers_.weight);
  register_module("input_quantizer", quantizers_.input);
}

LinearWeights LinearImpl::weights() const {
  return {.weight = matrix(), .bias = bias, .quantizers = quantizers_};
}

at::Tensor LinearImpl::forward(const at::Tensor& x, const Context& context, Activation activation) {
  return linear(x, prepared_ ? *prepared_ : weights(), context, activation);
}

void LinearImpl::prepare() { prepared_ = prepared(weights()); }

void prepare_linears(torch::nn::Module& module) {
  module.apply([](torch::nn::Module& part) {
    if (auto* linear = part.as<LinearImpl>()) {
      linear->prepare();
    }
  });
}

LinearWeights prepared(LinearWeights weights) {
  if (weights.quantizers.weight) {
    if (weights.quantizers.integers && weights.weight.device().is_cpu() &&
        fits_int8(weights.weight, weights.quantizers)) {
      weights.int8 =
          std::make_shared<const Int8Layer>(int8_layer(weights.weight, weights.quantizers));
    }
    weights.weight = weights.quantizers.weight->forward(weights.weight);
    weights.quantizers.weight = nullptr;
  }
  weights.panels = cpu::panels(weights.weight);
  return weights;
}

at::Tensor linear(const at::Tensor& input, const LinearWeights& weights, const Context& context,
                  Activation activation) {
  const auto& [given, bias, panels, quantizers, int8] = weights;
  const bool in_integers = int8 && cpu::usable(input);
  const at::Tensor x = quantizers.input && !in_integers ? quantizers.input->forward(input) : input;
  const at::Tensor weight = quantizers.weight ? quantizers.weight->forward(given) : given;
  const std::int64_t rows = x.size(0);
  const std::int64_t in = weight.size(1);
  const std::int64_t out = weight.size(0);
  const std::int64_t width = context.bfloat16 ? 2 : x.element_size();
  count({.multiply_adds = rows * in * out,
         .elementwise = bias.defined() ? rows * out : 0,
         .bytes = width * rows * (in + out)});
  if (in_integers) {
    count_activation(rows * out, activation, x.element_size());
    return cpu::linear_int8(x, int8->weights, int8->input, bias, activation);
  }
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
