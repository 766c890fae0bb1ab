#include "eebench/nn/linear.hpp"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <catch2/catch.hpp>

#include "eebench/nn/work.hpp"

namespace eebench::nn {
namespace {

double largest_difference(const at::Tensor& a, const at::Tensor& b) {
  return (a.to(at::kDouble) - b.to(at::kDouble)).abs().max().item<double>();
}

LinearWeights in_double(const LinearWeights& weights) {
  return {weights.weight.to(at::kDouble),
          weights.bias.defined() ? weights.bias.to(at::kDouble) : at::Tensor()};
}

TEST_CASE("linear layers of any shape agree with ATen in float64") {
  const at::NoGradGuard no_grad;
  at::manual_seed(1);
  const std::int64_t rows = GENERATE(1, 5, 12, 31);
  const std::int64_t in = GENERATE(1, 17, 64);
  const std::int64_t out = GENERATE(1, 8, 16, 31, 40, 64, 130);
  const Activation activation = GENERATE(Activation::none, Activation::relu, Activation::gelu);
  const at::Tensor x = at::randn({rows, in});
  const LinearWeights layer{at::randn({out, in}), at::randn({out})};
  const at::Tensor expected = linear(x.to(at::kDouble), in_double(layer), {}, activation);
  const at::Tensor y = linear(x, layer, {}, activation);
  REQUIRE(y.sizes() == expected.sizes());
  CHECK(largest_difference(y, expected) < 2e-5);
  CHECK(at::equal(y, linear(x, prepared(layer), {}, activation)));
  const LinearWeights without{layer.weight, {}};
  CHECK(largest_difference(linear(x, without, {}, activation),
                           linear(x.to(at::kDouble), in_double(without), {}, activation)) < 2e-5);
}

TEST_CASE("a row's result does not depend on the rows around it") {
  const at::NoGradGuard no_grad;
  at::manual_seed(2);
  const at::Tensor x = at::randn({29, 50});
  const LinearWeights layer = prepared({at::randn({70, 50}), at::randn({70})});
  const at::Tensor together = linear(x, layer, {}, Activation::gelu);
  for (std::int64_t row = 0; row < 29; ++row) {
    REQUIRE(at::equal(linear(x.narrow(0, row, 1), layer, {}, Activation::gelu)[0], together[row]));
  }
}

TEST_CASE("GELU in single precision stays within a few roundings of the exact one") {
  const at::NoGradGuard no_grad;
  const at::Tensor x = at::linspace(-9.0, 9.0, 20001).view({-1, 1});
  const LinearWeights identity{at::ones({1, 1}), {}};
  const at::Tensor y = linear(x, identity, {}, Activation::gelu);
  CHECK(largest_difference(y, at::gelu(x.to(at::kDouble))) < 1e-6);
}

TEST_CASE("a prepared module is the same function, and counts the same work") {
  const at::NoGradGuard no_grad;
  at::manual_seed(3);
  Linear layer("site", 12, 20);
  const at::Tensor x = at::randn({7, 12});
  const WorkScope scope;
  const at::Tensor before = layer->forward(x, {}, Activation::relu);
  const Work once{
      .multiply_adds = 7 * 12 * 20, .elementwise = 2 * 7 * 20, .bytes = 4 * 7 * (12 + 20 + 2 * 20)};
  CHECK(scope.work() == once);
  prepare_linears(*layer);
  CHECK(at::equal(layer->forward(x, {}, Activation::relu), before));
  CHECK(scope.work() == once + once);
}

TEST_CASE("a deterministic context refuses what has no fixed order") {
  Context context;
  context.deterministic = true;
  const LinearWeights layer{at::ones({2, 2}), {}};
  CHECK_THROWS_WITH(linear(at::ones({1, 2}), layer, context),  // gradients are on
                    Catch::Contains("float32 inference on the CPU"));
  const at::NoGradGuard no_grad;
  CHECK_THROWS_WITH(linear(at::ones({1, 2}, at::kDouble), in_double(layer), context),
                    Catch::Contains("float32 inference on the CPU"));
}

}  // namespace
}  // namespace eebench::nn
