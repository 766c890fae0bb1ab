#include "eebench/nn/edge_aggregation.hpp"

#include <array>

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <catch2/catch.hpp>

#include "eebench/nn/work.hpp"

namespace eebench::nn {
namespace {

at::Tensor values(std::int64_t rows, std::int64_t columns, double phase) {
  return at::sin(at::arange(rows * columns, at::kDouble) * 0.7 + phase)
      .view({rows, columns})
      .to(at::kFloat);
}

TEST_CASE("fused steps on edges agree with ATen operations, missing neighbours included") {
  const std::int64_t channels = GENERATE(1, 7, 16, 33, 64);
  constexpr std::int64_t n = 5;
  constexpr std::int64_t rows = 9;
  constexpr std::int64_t k = 3;
  const at::Tensor own = values(n, channels, 0.1);
  const at::Tensor other = values(rows, channels, 0.2);
  const at::Tensor neighbours =
      at::tensor({1, 2, 8, 0, 9, 12, 4, 4, 4, 7, 6, 5, 9, 9, 0}, at::kLong).view({n, k});
  const at::Tensor bias = values(1, channels, 0.3)[0];
  const auto chain = [&] {
    const at::Tensor edges = gather_add_relu(own, other, neighbours);
    return std::array{edges, bias_relu_mean(edges - 0.9, bias, k)};
  };
  const auto expected = [&] {
    const at::AutoGradMode composite(true);
    return chain();
  }();
  const at::NoGradGuard no_grad;
  const auto fused = chain();
  for (std::size_t i = 0; i < fused.size(); ++i) {
    REQUIRE(fused[i].sizes() == expected[i].sizes());
    CHECK(at::allclose(fused[i], expected[i], 0.0, 1e-6));
  }
  // One by hand: edge 4 goes from particle 1 to a missing neighbour.
  CHECK(at::equal(fused[0][4], at::relu(own[1])));
  CHECK(at::allclose(fused[0][2], at::relu(own[0] + other[8])));
}

TEST_CASE("the gradient of gather_add is that of ATen operations in float64") {
  const std::int64_t channels = GENERATE(1, 7, 33);
  const at::Tensor neighbours =
      at::tensor({1, 2, 3, 0, 5, 4, 4, 4, 4, 2, 5, 5}, at::kLong).view({4, 3});  // 4 and 5: missing
  const auto gradients = [&](at::ScalarType type) {
    const at::Tensor own = values(4, channels, 0.1).to(type).requires_grad_();
    const at::Tensor other = values(4, channels, 0.2).to(type).requires_grad_();
    const at::Tensor edges = gather_add(own, other, neighbours);
    (edges * values(12, channels, 0.3).to(type)).sum().backward();
    return at::cat({edges.detach(), own.grad(), other.grad()}).to(at::kDouble);
  };
  CHECK(at::allclose(gradients(at::kFloat), gradients(at::kDouble), 1e-5, 1e-6));
}

TEST_CASE("steps on edges charge what they touch") {
  const at::NoGradGuard no_grad;
  const WorkScope scope;
  const at::Tensor edges =
      gather_add_relu(values(4, 8, 0), values(4, 8, 0), at::zeros({4, 2}, at::kLong));
  CHECK(scope.work() == Work{.elementwise = 2 * 64, .bytes = 4 * (32 + 2 * 64)});
  bias_relu_mean(edges, at::zeros({8}), 2);
  CHECK(scope.work() == Work{.elementwise = 5 * 64, .bytes = 4 * (64 + 3 * 64)});
  const at::Tensor mean = edge_mean(edges, 2);
  CHECK(scope.work() == Work{.elementwise = 6 * 64, .bytes = 4 * (64 + 3 * 64 + 64 + 32)});
  CHECK(at::equal(mean[1], (edges[2] + edges[3]) / 2));
}

}  // namespace
}  // namespace eebench::nn
