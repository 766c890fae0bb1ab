#include "eebench/nn/image.hpp"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include <ATen/ATen.h>

#include "eebench/nn/concat.hpp"
#include "eebench/nn/cpu/kernels.hpp"
#include "eebench/nn/elementwise.hpp"
#include "eebench/nn/work.hpp"

namespace eebench::nn {
namespace {

/// As ATen has images, [B, C, H, W], in the same memory; and back.
at::Tensor channels_first(const at::Tensor& x) { return x.permute({0, 3, 1, 2}); }
at::Tensor channels_last(const at::Tensor& x) { return x.permute({0, 2, 3, 1}).contiguous(); }

/// [out, k * k * in], what windows are multiplied by.
at::Tensor matrix(const at::Tensor& weight) { return weight.permute({0, 2, 3, 1}).flatten(1); }

/// [B * H' * W', k * k * C].
at::Tensor windows(const at::Tensor& x, std::int64_t kernel, const Conv2dOptions& options) {
  const std::int64_t p = options.padding;
  const at::Tensor padded = p == 0 ? x.contiguous() : at::constant_pad_nd(x, {0, 0, p, p, p, p});
  const std::int64_t pixel = padded.size(3);
  const std::int64_t row = padded.size(2) * pixel;
  const std::int64_t step = options.stride;
  return padded
      .as_strided({x.size(0), windows_along(x.size(1), kernel, step, p),
                   windows_along(x.size(2), kernel, step, p), kernel, kernel * pixel},
                  {padded.stride(0), step * row, step * pixel, row, 1})
      .reshape({-1, kernel * kernel * pixel});
}

at::Tensor inference(const at::Tensor& x, const ConvWeights& weights, const Conv2dOptions& options,
                     std::int64_t pixels, Activation activation) {
  constexpr std::int64_t numbers_of_a_piece = 1 << 19;  // windows that stay in the cache
  const std::int64_t kernel = weights.weight.size(2);
  const std::int64_t window = kernel * kernel * x.size(3);
  const std::int64_t images = std::max<std::int64_t>(1, numbers_of_a_piece / (pixels * window));
  const at::Tensor panels =
      weights.panels.defined() ? weights.panels : cpu::panels(matrix(weights.weight));
  std::vector<at::Tensor> parts;
  for (std::int64_t first = 0; first < x.size(0); first += images) {
    const at::Tensor part = x.narrow(0, first, std::min(images, x.size(0) - first));
    parts.push_back(cpu::linear(windows(part, kernel, options), panels, weights.bias,
                                weights.weight.size(0), activation));
  }
  return join(parts);
}

void count_pool(const at::Tensor& x, const at::Tensor& y, std::int64_t size) {
  count({.elementwise = y.numel() * size * size * flops_of::add,
         .bytes = (x.numel() + y.numel()) * x.element_size()});
}

}  // namespace

at::Tensor conv2d(const at::Tensor& x, const ConvWeights& weights, const Conv2dOptions& options,
                  const Context& context, Activation activation) {
  const auto& [weight, bias, panels] = weights;
  const std::int64_t kernel = weight.size(2);
  const std::int64_t height = windows_along(x.size(1), kernel, options.stride, options.padding);
  const std::int64_t width = windows_along(x.size(2), kernel, options.stride, options.padding);
  const std::int64_t out = x.size(0) * height * width * weight.size(0);
  count({.multiply_adds = out * kernel * kernel * weight.size(1),
         .elementwise = bias.defined() ? out : 0,
         .bytes = (context.bfloat16 ? 2 : x.element_size()) * (x.numel() + out)});
  if (cpu::usable(x) && !context.bfloat16) {
    count_activation(out, activation, x.element_size());
    return inference(x, weights, options, height * width, activation)
        .view({x.size(0), height, width, weight.size(0)});
  }
  TORCH_CHECK(!context.deterministic, "deterministic mode is for float32 inference on the CPU");
  const auto cast = [&](const at::Tensor& factor) {
    return context.bfloat16 ? factor.to(at::kBFloat16) : factor;
  };
  const at::Tensor y =
      at::conv2d(cast(channels_first(x)), cast(weight),
                 bias.defined() ? std::optional<at::Tensor>(cast(bias)) : std::nullopt,
                 options.stride, options.padding);
  return activate(channels_last(y).to(x.scalar_type()), activation, context);
}

Conv2dImpl::Conv2dImpl(std::int64_t in, std::int64_t out, Conv2dOptions options)
    : options_(options) {
  const std::int64_t k = options.kernel;
  // PyTorch's default: uniform within 1/sqrt(fan_in).
  const double bound = 1.0 / std::sqrt(static_cast<double>(in * k * k));
  weight = register_parameter("weight", at::empty({out, in, k, k}).uniform_(-bound, bound));
  if (options.bias) {
    bias = register_parameter("bias", at::empty({out}).uniform_(-bound, bound));
  }
}

at::Tensor Conv2dImpl::forward(const at::Tensor& x, const Context& context, Activation activation) {
  return conv2d(x, prepared_ ? *prepared_ : ConvWeights{weight, bias, {}}, options_, context,
                activation);
}

void Conv2dImpl::prepare() { prepared_ = {weight, bias, cpu::panels(matrix(weight))}; }

void Conv2dImpl::prepare(const BatchNorm& norm) {
  const auto [scale, shift] = norm->folded();
  const at::Tensor folded = weight * scale.view({-1, 1, 1, 1});
  prepared_ = {folded, bias.defined() ? bias * scale + shift : shift, cpu::panels(matrix(folded))};
}

at::Tensor max_pool2d(const at::Tensor& x, std::int64_t size, std::int64_t stride) {
  at::Tensor y = channels_last(at::max_pool2d(channels_first(x), size, stride));
  count_pool(x, y, size);
  return y;
}

at::Tensor mean_pool2d(const at::Tensor& x, std::int64_t size, std::int64_t stride) {
  at::Tensor y = channels_last(at::avg_pool2d(channels_first(x), size, stride));
  count_pool(x, y, size);
  return y;
}

}  // namespace eebench::nn
