#include "eebench/nn/cpu/batch_norm.hpp"

#include <functional>

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/custom_function.h>

#include "eebench/nn/cpu/norm_simd.hpp"
#include "eebench/nn/norm.hpp"

namespace eebench::nn::cpu {
namespace {

using SumOverRanks = std::function<at::Tensor(const at::Tensor&)>;

at::Tensor summed(const SumOverRanks& sum, const at::Tensor& local) {
  return sum ? sum(local) : local;
}

ScaleShift kernel(const at::Tensor& x, const at::Tensor& scale, const at::Tensor& shift,
                  bool relu) {
  return {.x = x.const_data_ptr<float>(),
          .scale = scale.const_data_ptr<float>(),
          .shift = shift.const_data_ptr<float>(),
          .relu = relu,
          .rows = x.size(0),
          .channels = x.size(1)};
}

/// The sum travels as a plain address: the context outlives the graph of its training step.
struct Normalise : torch::autograd::Function<Normalise> {
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& x,
                            const at::Tensor& weight, const at::Tensor& bias,
                            const at::Tensor& mean, const at::Tensor& inverse,
                            const at::Tensor& rows, bool relu, std::int64_t sum) {
    const at::Tensor scale = weight * inverse;
    const at::Tensor shift = bias - mean * scale;
    const at::Tensor scale32 = scale.to(at::kFloat);
    const at::Tensor shift32 = shift.to(at::kFloat);
    at::Tensor y = at::empty_like(x);
    scale_shift(kernel(x, scale32, shift32, relu), y.mutable_data_ptr<float>());
    context->save_for_backward({x, scale32, shift32, mean, inverse, rows});
    context->saved_data["relu"] = relu;
    context->saved_data["sum"] = sum;
    return y;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& gradients) {
    const auto saved = context->get_saved_variables();
    const auto& [x, scale, shift, mean, inverse, rows] =
        std::tie(saved[0], saved[1], saved[2], saved[3], saved[4], saved[5]);
    const auto* sum = reinterpret_cast<const SumOverRanks*>(context->saved_data["sum"].toInt());
    const ScaleShift forward = kernel(x, scale, shift, context->saved_data["relu"].toBool());
    const at::Tensor gradient = gradients[0].contiguous();
    const float* g = gradient.const_data_ptr<float>();
    const at::Tensor mean32 = mean.to(at::kFloat);
    const at::Tensor sums = at::empty({2, x.size(1)}, mean.options());
    norm_gradient_sums(forward, g, mean32.const_data_ptr<float>(),
                       sums[0].mutable_data_ptr<double>(), sums[1].mutable_data_ptr<double>());
    const at::Tensor totals = summed(*sum, sums) / rows;
    // d x = scale (g - <g> - (x - mean) / sigma^2 <g (x - mean)>), <> the mean over all rows.
    const at::Tensor slope = -scale * inverse * inverse * totals[1];
    const at::Tensor offset = -scale * totals[0] - slope * mean;
    const at::Tensor slope32 = slope.to(at::kFloat);
    const at::Tensor offset32 = offset.to(at::kFloat);
    at::Tensor to_x;
    if (context->needs_input_grad(0)) {
      to_x = at::empty_like(x);
      norm_gradient(forward, g, slope32.const_data_ptr<float>(), offset32.const_data_ptr<float>(),
                    to_x.mutable_data_ptr<float>());
    }
    return {to_x,
            (sums[1] * inverse).to(at::kFloat),
            sums[0].to(at::kFloat),
            at::Tensor(),
            at::Tensor(),
            at::Tensor(),
            at::Tensor(),
            at::Tensor()};
  }
};

}  // namespace

Normalised batch_norm(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                      bool relu, const Context& context) {
  const at::Tensor dense = x.contiguous();
  const std::int64_t channels = x.size(1);
  const SumOverRanks& sum = context.sum_over_ranks;
  Normalised out;
  at::Tensor inverse;
  {
    const at::NoGradGuard no_grad;
    const at::Tensor local = at::empty({2, channels}, at::kDouble);
    column_moments(dense.const_data_ptr<float>(), x.size(0), channels,
                   local[0].mutable_data_ptr<double>(), local[1].mutable_data_ptr<double>());
    const auto rows = static_cast<double>(x.size(0));
    const at::Tensor totals =
        summed(sum, at::cat({local[0] * rows, at::full({1}, rows, at::kDouble)}));
    out.rows = totals.narrow(0, channels, 1);
    out.mean = totals.narrow(0, 0, channels) / out.rows;
    out.variance = summed(sum, local[1] + (local[0] - out.mean).square() * rows) / out.rows;
    inverse = at::rsqrt(out.variance + norm_eps);
  }
  out.y = Normalise::apply(dense, weight, bias, out.mean, inverse, out.rows, relu,
                           reinterpret_cast<std::int64_t>(&sum));
  return out;
}

}  // namespace eebench::nn::cpu
