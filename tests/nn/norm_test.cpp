#include "eebench/nn/norm.hpp"

#include <cmath>

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <catch2/catch.hpp>

namespace eebench::nn {
namespace {

struct Pass {
  at::Tensor y;
  at::Tensor to_x;
  at::Tensor to_weight;
  at::Tensor to_bias;
  at::Tensor running_mean;
  at::Tensor running_var;
};

/// A training step of BatchNorm on the same numbers in the precision given; float64 goes through
/// ATen operations and their gradients.
Pass pass(at::ScalarType type, std::int64_t rows, std::int64_t channels, bool relu,
          const Context& context) {
  const auto wave = [&](std::int64_t r, std::int64_t c, double phase) {
    return at::sin(at::arange(r * c, at::kDouble) * 0.73 + phase).view({r, c});
  };
  BatchNorm norm(channels);
  for (at::Tensor* own : {&norm->weight, &norm->bias}) {
    own->set_data((wave(1, channels, own == &norm->weight ? 0.5 : 2.5)[0] + 0.3).to(type));
  }
  norm->running_mean.set_data(norm->running_mean.to(type));
  norm->running_var.set_data(norm->running_var.to(type));
  // A mean far from 0 punishes sums of squares that are not centred.
  at::Tensor x = (wave(rows, channels, 0.1) + 30.0).to(type).requires_grad_();
  const at::Tensor y = relu ? norm->forward_relu(x, context) : norm->forward(x, context);
  (y * wave(rows, channels, 1.7).to(type)).sum().backward();
  return {
      y, x.grad(), norm->weight.grad(), norm->bias.grad(), norm->running_mean, norm->running_var};
}

void check_close(const at::Tensor& a, const at::Tensor& b, double tolerance) {
  const double scale = b.abs().max().item<double>() + 1e-3;
  CHECK((a.to(at::kDouble) - b).abs().max().item<double>() <= tolerance * scale);
}

TEST_CASE("BatchNorm's training kernels agree with ATen operations in float64") {
  const std::int64_t channels = GENERATE(1, 5, 16, 33, 64);
  const std::int64_t rows = GENERATE(2, 63, 64, 200);
  const bool relu = GENERATE(false, true);
  const bool ranks = GENERATE(false, true);
  Context context;
  context.training = true;
  if (ranks) {  // as two ranks with the same rows
    context.sum_over_ranks = [](const at::Tensor& x) { return x * 2; };
  }
  const Pass fused = pass(at::kFloat, rows, channels, relu, context);
  const Pass exact = pass(at::kDouble, rows, channels, relu, context);
  CAPTURE(channels, rows, relu, ranks);
  // The inputs near 30 keep 2e-6 of float32, deviations of them 1e-5.
  check_close(fused.y, exact.y, 5e-5);
  check_close(fused.to_weight, exact.to_weight, 2e-4);
  check_close(fused.to_bias, exact.to_bias, 1e-5);
  check_close(fused.running_mean, exact.running_mean, 1e-6);
  check_close(fused.running_var, exact.running_var, 1e-4);
  if (rows > 2) {  // with two rows the gradient is a difference of equal numbers
    check_close(fused.to_x, exact.to_x, 5e-4);
  }
}

TEST_CASE("a frozen BatchNorm uses its running statistics in training and keeps them") {
  BatchNorm norm(3);
  norm->eval();
  Context context;
  context.training = true;
  const at::Tensor x = at::arange(12, at::kFloat).view({4, 3});
  CHECK(at::allclose(norm->forward(x, context), x / std::sqrt(1.0 + norm_eps)));
  CHECK(norm->running_mean.equal(at::zeros({3})));
  CHECK(norm->num_batches_tracked.item<std::int64_t>() == 0);
}

TEST_CASE("LayerNorm without gradients agrees with ATen operations in float64") {
  const at::NoGradGuard no_grad;
  at::manual_seed(4);
  const std::int64_t channels = GENERATE(1, 17, 128, 515);
  LayerNorm norm(channels);
  norm->weight.copy_(at::randn({channels}));
  norm->bias.copy_(at::randn({channels}));
  // A mean far from 0 punishes sums of squares that are not centred.
  const at::Tensor x = at::randn({5, channels}) + 30.0;
  const at::Tensor y = norm->forward(x, {});
  norm->to(at::kDouble);
  CHECK(at::allclose(y.to(at::kDouble), norm->forward(x.to(at::kDouble), {}), 1e-5, 2e-5));
  CHECK(at::equal(y[3], [&] {
    norm->to(at::kFloat);
    return norm->forward(x.narrow(0, 3, 1), {})[0];
  }()));
}

}  // namespace
}  // namespace eebench::nn
