#include "eebench/nn/cpu/int8_linear.hpp"

#include <cmath>
#include <limits>
#include <vector>

#include <ATen/ATen.h>
#include <catch2/catch.hpp>
#include <hwy/targets.h>

namespace eebench::nn::cpu {
namespace {

/// One instruction set after the other, of those that this machine has.
std::vector<std::int64_t> instruction_sets() {
  std::vector<std::int64_t> sets;
  for (std::int64_t rest = hwy::SupportedTargets(); rest != 0; rest &= rest - 1) {
    sets.push_back(rest & -rest);
  }
  return sets;
}

struct Only {
  explicit Only(std::int64_t set) { hwy::SetSupportedTargetsForTest(set); }
  ~Only() { hwy::SetSupportedTargetsForTest(0); }
  Only(const Only&) = delete;
  Only& operator=(const Only&) = delete;
};

at::Tensor random_integers(at::IntArrayRef shape, std::int64_t lowest, std::int64_t highest) {
  return at::randint(lowest, highest + 1, shape, at::kLong);
}

/// The sums for activations `q` of integers, which float64 holds exactly.
at::Tensor sums_of(const at::Tensor& q, const at::Tensor& weight, const Int8Grid& grid) {
  return at::matmul((q - grid.zero_point).to(at::kDouble), weight.to(at::kDouble).t());
}

/// With scales of 1, outputs are sums of integers, rounded once.
at::Tensor sums_by_kernel(const at::Tensor& q, const at::Tensor& weight, const Int8Grid& grid) {
  const at::Tensor x = (q - grid.zero_point).to(at::kFloat);
  return linear_int8(x, int8_panels(weight.to(at::kChar), at::ones({1})), grid, {},
                     Activation::none);
}

constexpr Int8Grid whole{.scale = 1, .zero_point = 0, .lowest = 0, .highest = 255};
constexpr Int8Grid whole_signed{.scale = 1, .zero_point = 0, .lowest = -128, .highest = 127};

TEST_CASE("sums of products of integers are exact on every instruction set") {
  at::manual_seed(1);
  const std::int64_t in = GENERATE(1, 7, 16, 17, 128, 512);
  const std::int64_t out = GENERATE(8, 10, 128, 384, 512);
  const std::int64_t rows = GENERATE(1, 3, 64, 2500);
  const Int8Grid grid = GENERATE(as<Int8Grid>{}, whole, whole_signed, Int8Grid{1, 77, 0, 255},
                                 Int8Grid{1, -5, -128, 127});
  if (rows * in * out > 2500 * 16 * 128) {
    return;  // seconds without vectors
  }
  const at::Tensor q = random_integers({rows, in}, grid.lowest, grid.highest);
  const at::Tensor weight = random_integers({out, in}, -128, 127);
  const at::Tensor expected = sums_of(q, weight, grid).to(at::kFloat);
  for (const std::int64_t set : instruction_sets()) {
    INFO(hwy::TargetName(set));
    const Only only(set);
    REQUIRE(at::equal(sums_by_kernel(q, weight, grid), expected));
  }
}

TEST_CASE("the largest sums neither saturate nor wrap") {
  const std::int64_t in = GENERATE(2, 512, most_int8_inputs);
  const std::int64_t w = GENERATE(-128, 127);
  const Int8Grid grid = GENERATE(as<Int8Grid>{}, whole, whole_signed, Int8Grid{1, 255, 0, 255});
  const std::int64_t q = GENERATE_COPY(values({grid.lowest, grid.highest}));
  const at::Tensor activations = at::full({2, in}, q, at::kLong);
  const at::Tensor weight = at::full({10, in}, w, at::kLong);
  const at::Tensor expected = sums_of(activations, weight, grid).to(at::kFloat);
  for (const std::int64_t set : instruction_sets()) {
    INFO(hwy::TargetName(set));
    const Only only(set);
    REQUIRE(at::equal(sums_by_kernel(activations, weight, grid), expected));
  }
}

TEST_CASE("a sum that might leave 32 bits is refused") {
  CHECK_THROWS_WITH(int8_panels(at::zeros({1, most_int8_inputs + 1}, at::kChar), at::ones({1})),
                    Catch::Contains("32 bits"));
}

TEST_CASE("activations go to the nearest integer within the bounds, halves to even") {
  const float inf = std::numeric_limits<float>::infinity();
  const at::Tensor x = at::tensor({-inf, -1e30F, -2.5F, -1.5F, -0.5F, -0.0F, 0.49999997F, 0.5F,
                                   1.5F, 2.5F, 6.49F, 6.5F, 7.5F, 1e30F, inf})
                           .view({-1, 1});
  const at::Tensor expected =
      at::tensor({-3., -3., -2., -2., 0., 0., 0., 0., 2., 2., 6., 6., 6., 6., 6.}, at::kFloat)
          .view({-1, 1});
  const Int8Weights one = int8_panels(at::ones({1, 1}, at::kChar), at::ones({1}));
  for (const std::int64_t set : instruction_sets()) {
    INFO(hwy::TargetName(set));
    const Only only(set);
    CHECK(at::equal(linear_int8(x, one, {1, 0, -3, 6}, {}, Activation::none), expected));
    // The zero point is added before the integer is found: 0.5 + 3 is nearest to 4.
    CHECK(linear_int8(at::full({1, 1}, 0.5F), one, {1, 3, 0, 15}, {}, Activation::none)
              .item<float>() == 1);
    // Divided by the scale, not multiplied by its inverse.
    const at::Tensor place = at::randn({1000, 1}) * 40;
    CHECK(at::equal(linear_int8(place, one, {0.7F, 0, -128, 127}, {}, Activation::none),
                    at::clamp(at::round(place / at::tensor(0.7F)), -128, 127) * at::tensor(0.7F)));
  }
}

TEST_CASE("scales, bias and activation follow the sum") {
  at::manual_seed(2);
  const std::int64_t rows = GENERATE(1, 12, 200);
  const std::int64_t out = GENERATE(8, 10, 40, 64, 130);
  const Activation activation =
      GENERATE(Activation::none, Activation::relu, Activation::leaky_relu, Activation::gelu);
  const Int8Grid grid{.scale = 0.02F, .zero_point = 30, .lowest = 0, .highest = 127};
  const at::Tensor x = at::randn({rows, 50});
  const at::Tensor integers = random_integers({out, 50}, -127, 127);
  const at::Tensor scale = at::rand({out}) * 0.01 + 0.001;
  const at::Tensor bias = GENERATE(true, false) ? at::randn({out}) : at::Tensor();
  const at::Tensor q =
      at::clamp(at::round(x / at::tensor(grid.scale) + grid.zero_point), grid.lowest, grid.highest);
  at::Tensor expected =
      at::matmul((q - grid.zero_point).to(at::kDouble), integers.to(at::kDouble).t()) *
      (static_cast<double>(grid.scale) * scale.to(at::kDouble));
  if (bias.defined()) {
    expected = expected + bias;
  }
  expected = activation == Activation::relu         ? at::relu(expected)
             : activation == Activation::leaky_relu ? at::leaky_relu(expected, leaky_slope)
             : activation == Activation::gelu       ? at::gelu(expected)
                                                    : expected;
  const Int8Weights weights = int8_panels(integers.to(at::kChar), scale);
  for (const std::int64_t set : instruction_sets()) {
    INFO(hwy::TargetName(set));
    const Only only(set);
    const at::Tensor y = linear_int8(x, weights, grid, bias, activation);
    REQUIRE(y.sizes() == expected.sizes());
    CHECK(at::allclose(y.to(at::kDouble), expected, 1e-6, 2e-6));
  }
}

TEST_CASE("a row's integers do not depend on the rows around it, and its NaN stays there") {
  at::manual_seed(3);
  const Int8Grid grid{.scale = 0.03F, .zero_point = 0, .lowest = -128, .highest = 127};
  const at::Tensor x = at::randn({150, 50});
  const Int8Weights weights =
      int8_panels(random_integers({70, 50}, -127, 127).to(at::kChar), at::full({1}, 0.01F));
  const at::Tensor bias = at::randn({70});
  const Activation activation = GENERATE(Activation::relu, Activation::gelu);
  for (const std::int64_t set : instruction_sets()) {
    INFO(hwy::TargetName(set));
    const Only only(set);
    const at::Tensor together = linear_int8(x, weights, grid, bias, activation);
    for (std::int64_t row = 0; row < 150; ++row) {
      REQUIRE(at::equal(linear_int8(x.narrow(0, row, 1), weights, grid, bias, activation)[0],
                        together[row]));
    }
    at::Tensor broken = x.clone();
    broken[97][49] = std::nanf("");
    const at::Tensor y = linear_int8(broken, weights, grid, bias, activation);
    CHECK(y[97].isnan().all().item<bool>());
    CHECK(at::equal(y.narrow(0, 0, 97), together.narrow(0, 0, 97)));
    CHECK(at::equal(y.narrow(0, 98, 52), together.narrow(0, 98, 52)));
  }
}

}  // namespace
}  // namespace eebench::nn::cpu
