#include "eebench/nn/norm.hpp"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/GradMode.h>

#include "eebench/nn/cpu/batch_norm.hpp"
#include "eebench/nn/cpu/kernels.hpp"
#include "eebench/nn/cpu/norm_simd.hpp"
#include "eebench/nn/elementwise.hpp"
#include "eebench/nn/work.hpp"

namespace eebench::nn {
namespace {

void count_elementwise(const at::Tensor& x, std::int64_t flops) {
  count({.elementwise = x.numel() * flops, .bytes = 2 * x.numel() * x.element_size()});
}

constexpr double momentum = 0.1;

}  // namespace

LayerNormImpl::LayerNormImpl(std::int64_t channels)
    : weight(register_parameter("weight", at::ones({channels}))),
      bias(register_parameter("bias", at::zeros({channels}))) {}

at::Tensor LayerNormImpl::forward(const at::Tensor& x, const Context&) {
  count_elementwise(x, flops_of::norm);
  return cpu::usable(x) ? cpu::layer_norm(x, weight, bias, norm_eps)
                        : at::layer_norm(x, {x.size(-1)}, weight, bias, norm_eps);
}

BatchNormImpl::BatchNormImpl(std::int64_t channels)
    : weight(register_parameter("weight", at::ones({channels}))),
      bias(register_parameter("bias", at::zeros({channels}))),
      running_mean(register_buffer("running_mean", at::zeros({channels}))),
      running_var(register_buffer("running_var", at::ones({channels}))),
      num_batches_tracked(register_buffer("num_batches_tracked", at::zeros({}, at::kLong))) {}

BatchNormImpl::Affine BatchNormImpl::folded() const {
  const at::Tensor scale = weight / at::sqrt(running_var + norm_eps);
  return {scale, bias - running_mean * scale};
}

LinearWeights folded(LinearWeights weights, const BatchNorm& norm) {
  const auto [scale, shift] = norm->folded();
  weights.weight = weights.weight * scale.unsqueeze(1);
  weights.bias = weights.bias.defined() ? weights.bias * scale + shift : shift;
  return prepared(std::move(weights));
}

at::Tensor BatchNormImpl::forward(const at::Tensor& x, const Context& context) {
  // is_training() is false in a frozen backbone while the context trains.
  if (context.training && is_training()) {
    return forward_training(x, /*with_relu=*/false, context);
  }
  count_elementwise(x, flops_of::affine);
  const Affine affine = folded();
  return at::addcmul(affine.shift, x, affine.scale);
}

at::Tensor BatchNormImpl::forward_relu(const at::Tensor& x, const Context& context) {
  if (context.training && is_training()) {
    return forward_training(x, /*with_relu=*/true, context);
  }
  return relu(forward(x, context), context);
}

at::Tensor BatchNormImpl::forward_training(const at::Tensor& x, bool with_relu,
                                           const Context& context) {
  count_elementwise(x, flops_of::norm + (with_relu ? flops_of::relu : 0));
  if (cpu::is_float(x)) {
    const cpu::Normalised done = cpu::batch_norm(x, weight, bias, with_relu, context);
    track(done.mean, done.variance, done.rows);
    return done.y;
  }
  // Sum, then sum of squared deviations: two small reductions, exact for any division into ranks.
  const auto sum_over_ranks = [&](const at::Tensor& local) {
    return context.sum_over_ranks ? context.sum_over_ranks(local) : local;
  };
  const at::Tensor rows = at::full({1}, static_cast<double>(x.size(0)), x.options());
  const at::Tensor totals = sum_over_ranks(at::cat({x.sum(0), rows}));
  const at::Tensor global_rows = totals.narrow(0, x.size(1), 1).detach();
  const at::Tensor mean = totals.narrow(0, 0, x.size(1)) / global_rows;
  const at::Tensor centred = x - mean;
  const at::Tensor variance = sum_over_ranks(centred.square().sum(0)) / global_rows;
  track(mean.detach(), variance.detach(), global_rows);
  const at::Tensor y = at::addcmul(bias, centred * at::rsqrt(variance + norm_eps), weight);
  return with_relu ? at::relu(y) : y;
}

void BatchNormImpl::track(const at::Tensor& mean, const at::Tensor& variance,
                          const at::Tensor& rows) {
  const at::NoGradGuard no_grad;
  running_mean.lerp_(mean.to(running_mean.scalar_type()), momentum);
  const at::Tensor unbiased = variance * (rows / (rows - 1).clamp_min(1));
  running_var.lerp_(unbiased.to(running_var.scalar_type()), momentum);
  num_batches_tracked += 1;
}

at::Tensor affine_relu(const at::Tensor& x, const BatchNormImpl::Affine& affine) {
  count_elementwise(x, flops_of::affine + flops_of::relu);
  if (!cpu::usable(x)) {
    return at::relu(at::addcmul(affine.shift, x, affine.scale));
  }
  const at::Tensor dense = x.contiguous();
  at::Tensor y = at::empty_like(dense);
  constexpr std::int64_t rows_of_a_task = 512;
  at::parallel_for(0, x.size(0), rows_of_a_task, [&](std::int64_t begin, std::int64_t end) {
    cpu::scale_shift({.x = dense.const_data_ptr<float>() + begin * x.size(1),
                      .scale = affine.scale.const_data_ptr<float>(),
                      .shift = affine.shift.const_data_ptr<float>(),
                      .relu = true,
                      .rows = end - begin,
                      .channels = x.size(1)},
                     y.mutable_data_ptr<float>() + begin * x.size(1));
  });
  return y;
}

}  // namespace eebench::nn
