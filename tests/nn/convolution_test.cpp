#include "eebench/nn/convolution.hpp"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <catch2/catch.hpp>

#include "eebench/nn/work.hpp"

namespace eebench::nn {
namespace {

TEST_CASE("convolutions and their gradients are those of ATen") {
  at::manual_seed(1);
  const std::int64_t kernel = GENERATE(1, 3, 5);
  const std::int64_t stride = GENERATE(1, 2, 3);
  const std::int64_t length = GENERATE(1, 7, 8);
  const bool bias = GENERATE(false, true);
  Conv1d conv(4, 6, Conv1dOptions{.kernel = kernel, .stride = stride, .bias = bias});
  conv->to(at::kDouble);
  const at::Tensor x = at::randn({3, length, 4}, at::kDouble).requires_grad_();
  const auto gradients = [&](const at::Tensor& y) {
    (y * at::arange(y.numel(), at::kDouble).cos().view(y.sizes())).sum().backward();
    const at::Tensor both = at::cat({x.grad().flatten(), conv->weight.grad().flatten()});
    x.mutable_grad().reset();
    conv->weight.mutable_grad().reset();
    return both;
  };
  const at::Tensor y = conv->forward(x, {});
  const at::Tensor expected = at::conv1d(x.transpose(1, 2), conv->weight, conv->bias, stride,
                                         /*padding=*/kernel / 2)
                                  .transpose(1, 2)
                                  .reshape({-1, 6});
  REQUIRE(y.sizes() == expected.sizes());
  CHECK(at::allclose(y, expected, 1e-12, 1e-12));
  CHECK(at::allclose(gradients(y), gradients(expected), 1e-12, 1e-12));
}

TEST_CASE("a jet's convolution does not depend on the other jets") {
  const at::NoGradGuard no_grad;
  at::manual_seed(2);
  Conv1d conv(5, 9);
  const at::Tensor x = at::randn({4, 21, 5});
  const at::Tensor together = conv->forward(x, {}).view({4, 21, 9});
  for (std::int64_t jet = 0; jet < 4; ++jet) {
    CHECK(at::equal(conv->forward(x.narrow(0, jet, 1), {}), together[jet]));
  }
}

TEST_CASE("windows are counted as copies where they are some") {
  const at::Tensor x = at::ones({2, 4, 3});
  const WorkScope scope;
  windows(x, 1, 1);
  CHECK(scope.work() == Work{});
  windows(x, 3, 2);
  CHECK(scope.work() == Work{.bytes = 2 * 4 * 2 * 2 * 9});
}

TEST_CASE("jets are padded to equal length") {
  const WorkScope scope;
  const at::Tensor x = at::arange(1, 7, at::kFloat).view({3, 2});
  const at::Tensor padded = pad(x, Ragged(std::vector<std::int64_t>{0, 1, 3}), 2);
  CHECK(at::equal(padded, at::tensor({1.F, 2.F, 0.F, 0.F, 3.F, 4.F, 5.F, 6.F}).view({2, 2, 2})));
  CHECK(scope.work() == Work{.bytes = 4 * (6 + 8)});
  CHECK_THROWS_WITH(pad(x, Ragged(std::vector<std::int64_t>{0, 3}), 2),
                    Catch::Contains("3 particles does not fit into 2 positions"));
}

}  // namespace
}  // namespace eebench::nn
