#include "eebench/nn/quantizer.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numbers>
#include <vector>

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <catch2/catch.hpp>

#include "eebench/core/error.hpp"

namespace eebench::nn {
namespace {

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();
constexpr double infinity = std::numeric_limits<double>::infinity();

std::shared_ptr<Quantizer> weight_quantizer(const std::string& spec, std::int64_t channels = 1) {
  return make_quantizer(spec, {.is_weight = true, .channels = channels}, "test");
}

std::shared_ptr<Quantizer> activation_quantizer(const std::string& spec,
                                                std::int64_t channels = 1) {
  return make_quantizer(spec, {.is_weight = false, .channels = channels}, "test");
}

at::Tensor tensor(const std::vector<double>& values) { return at::tensor(values, at::kDouble); }

std::vector<double> vector_of(const at::Tensor& x) {
  const at::Tensor flat = x.detach().to(at::kDouble).flatten().contiguous();
  return {flat.const_data_ptr<double>(), flat.const_data_ptr<double>() + flat.numel()};
}

double number(const at::Tensor& x) { return x.item<double>(); }

at::Tensor leaf(const at::Tensor& x) { return x.detach().clone().requires_grad_(); }

/// Gradient to x of the sum of a quantizer's answers.
at::Tensor gradient(Quantizer& quantizer, const at::Tensor& x) {
  const at::Tensor given = leaf(x);
  quantizer.forward(given).sum().backward();
  return given.grad();
}

/// Activations of all sizes, with both ends in the tails.
at::Tensor activations(std::int64_t rows, std::int64_t channels, std::uint64_t seed) {
  at::manual_seed(seed);
  return at::randn({rows, channels}) * at::randn({rows, 1}).exp();
}

/// One rank's calibration on one batch.
void calibrate(Quantizer& quantizer, const at::Tensor& x) {
  quantizer.observe(true);
  quantizer.forward(x);
  quantizer.merge({});
  quantizer.fix("test");
}

// Golden numbers from the reference implementations.

const std::vector<double> golden_x{-2.6,   -1.2,   -0.9375, -0.4375, -0.0625,
                                   0.0625, 0.1875, 0.3125,  0.9,     3.0};
const std::vector<double> golden_w{-0.8, -0.31, 0.02, 0.11, 0.27, 0.55};

TEST_CASE("quantizers give the numbers of QKeras and HGQ") {
  const auto [spec, expected] = GENERATE(table<std::string, std::vector<double>>({
      {"quantized_bits(4,0,1)", {-.875, -.875, -.875, -.5, 0, 0, .25, .25, .875, .875}},
      {"quantized_bits(4,1,0)", {-2, -1.25, -1, -.5, 0, 0, .25, .25, 1, 1.75}},
      {"quantized_relu(4,1)", {0, 0, 0, 0, 0, 0, .25, .25, .875, 1.875}},
      {"kif<1,0,3,RND,SAT>", {-1, -1, -.875, -.375, 0, .125, .25, .375, .875, .875}},
      {"kif<1,0,3,RND_CONV,SAT>", {-1, -1, -1, -.5, 0, 0, .25, .25, .875, .875}},
      {"kif<1,0,3,TRN,SAT>", {-1, -1, -1, -.5, -.125, 0, .125, .25, .875, .875}},
      {"kif<1,1,2,RND,WRAP>", {1.5, -1.25, -1, -.5, 0, 0, .25, .25, 1, -1}},
      // The same formats in other words.
      {"fixed<4,1>", {-1, -1, -1, -.5, 0, 0, .25, .25, .875, .875}},
      {"fixed<4,1,RND_CONV,SAT_SYM>", {-.875, -.875, -.875, -.5, 0, 0, .25, .25, .875, .875}},
      {"quantized_bits(bits=4, integer=1)", {-2, -1.25, -1, -.5, 0, 0, .25, .25, 1, 1.75}},
      {"ufixed<4,1>", {0, 0, 0, 0, 0, 0, .25, .25, .875, 1.875}},
  }));
  CAPTURE(spec);
  for (const at::ScalarType type : {at::kDouble, at::kFloat}) {
    const auto quantizer = activation_quantizer(spec);
    quantizer->eval();
    CHECK(vector_of(quantizer->forward(tensor(golden_x).to(type))) == expected);
  }
}

TEST_CASE("weights get the scales and integers of QKeras and Brevitas") {
  const auto [spec, scale, integers] = GENERATE(table<std::string, double, std::vector<double>>({
      {"quantized_bits(4,0,1,alpha='auto_po2')", .125, {-6, -2, 0, 1, 2, 4}},
      {"int4", .8 / 7, {-7, -3, 0, 1, 2, 5}},
      {"int4-po2", .125, {-6, -2, 0, 1, 2, 4}},
      // By hand: auto has the scale of int4, and 0.8 goes to 1 either way.
      {"quantized_bits(4,0,1,1,auto)", .8 / 7, {-7, -3, 0, 1, 2, 5}},
      {"int4-po2-ceil", .125, {-6, -2, 0, 1, 2, 4}},
  }));
  CAPTURE(spec);
  for (const at::ScalarType type : {at::kDouble, at::kFloat}) {
    const at::Tensor w = tensor(golden_w).to(type);
    const auto quantizer = weight_quantizer(spec);
    CHECK(number(quantizer->grid(w).scale) == Approx(scale).epsilon(1e-6));
    CHECK(vector_of(quantizer->integers(w)) == integers);
  }
}

TEST_CASE("powers of two go to the nearest in log2, or up") {
  const auto [largest, nearest, above] = GENERATE(table<double, double, double>({
      {1.0, 1.0, 1.0},
      {0.71, 1.0, 1.0},
      {0.70, 0.5, 1.0},
      {1.41, 1.0, 2.0},
      {1.42, 2.0, 2.0},
      {std::ldexp(1.0, -20), std::ldexp(1.0, -20), std::ldexp(1.0, -20)},
      {std::ldexp(1.0000002, 13), std::ldexp(1.0, 13), std::ldexp(1.0, 14)},
  }));
  CAPTURE(largest);
  const at::Tensor w = tensor({-largest, 0.1 * largest}).to(at::kFloat);
  CHECK(number(weight_quantizer("int5-po2")->grid(w).scale) == nearest / 16);
  CHECK(number(weight_quantizer("int5-po2-ceil")->grid(w).scale) == above / 16);
}

TEST_CASE("every rounding mode on halves, on both sides of them and on both sides of zero") {
  const auto [mode, expected] = GENERATE(table<std::string, std::vector<double>>({
      //            -2.5 -2.25 -1.75 -1.5 -.5 .25 .5 .75 1.5 2.5
      {"RND", {-2, -2, -2, -1, 0, 0, 1, 1, 2, 3}},
      {"RND_CONV", {-2, -2, -2, -2, 0, 0, 0, 1, 2, 2}},
      {"TRN", {-3, -3, -2, -2, -1, 0, 0, 0, 1, 2}},
      {"TRN_ZERO", {-2, -2, -1, -1, 0, 0, 0, 0, 1, 2}},
      {"RND_ZERO", {-2, -2, -2, -1, 0, 0, 0, 1, 1, 2}},
      {"RND_MIN_INF", {-3, -2, -2, -2, -1, 0, 0, 1, 1, 2}},
      {"RND_INF", {-3, -2, -2, -2, -1, 0, 1, 1, 2, 3}},
  }));
  CAPTURE(mode);
  const auto quantizer = activation_quantizer("fixed<8,8," + mode + ",SAT>");
  const at::Tensor x = tensor({-2.5, -2.25, -1.75, -1.5, -.5, .25, .5, .75, 1.5, 2.5});
  CHECK(vector_of(quantizer->forward(x)) == expected);
  CHECK(vector_of(quantizer->forward(x.to(at::kFloat))) == expected);
  // The first one's sum with 1/2 is 1 in float32.
  const auto wide = activation_quantizer("fixed<24,24," + mode + ",SAT>");
  const at::Tensor hard = at::tensor({std::nextafter(0.5F, 0.0F), 4194303.0F, -8388607.0F});
  CHECK(number(wide->forward(hard)[0]) == 0.0);
  CHECK(at::equal(wide->forward(hard).slice(0, 1), hard.slice(0, 1)));
}

/// QKeras's formulas one by one in double.
double quantized_bits(double x, int bits, int integer, int symmetric, int keep_negative,
                      double alpha) {
  const double m = std::exp2(bits - keep_negative);
  const double range = std::exp2(integer);
  const double rounded = std::nearbyint(x * m / range);
  return alpha * range * std::clamp(rounded, keep_negative * (-m + symmetric), m - 1) / m;
}

double quantized_relu(double x, int bits, int integer, double slope) {
  const double m = std::exp2(bits - (slope != 0.0 ? 1 : 0));
  const double range = std::exp2(integer);
  double y = range * std::clamp(std::nearbyint(x * m / range) / m, 0.0, 1.0 - 1.0 / m);
  if (slope != 0.0) {
    y += range * slope * std::clamp(std::nearbyint(x * m * slope / range) / (slope * m), -1.0, 0.0);
  }
  return y;
}

TEST_CASE("quantized_bits and quantized_relu follow their formulas") {
  at::manual_seed(1);
  const at::Tensor x = at::cat({at::randn({200}, at::kDouble) * 3.0, tensor(golden_x)});
  for (const auto& [spec, bits, integer, symmetric, keep_negative, alpha] :
       std::vector<std::tuple<std::string, int, int, int, int, double>>{
           {"quantized_bits(6,2,0,1,0.3)", 6, 2, 0, 1, 0.3},
           {"quantized_bits(8)", 8, 0, 0, 1, 1.0},
           {"quantized_bits(5,1,0,0)", 5, 1, 0, 0, 1.0},
           {"quantized_bits(1,0,0,0)", 1, 0, 0, 0, 1.0},
           {"quantized_bits(2,-1,1,1,None)", 2, -1, 1, 1, 1.0},
       }) {
    CAPTURE(spec);
    const std::vector<double> y = vector_of(activation_quantizer(spec)->forward(x));
    for (std::size_t i = 0; i < y.size(); ++i) {
      const double from = vector_of(x)[i];
      CHECK(y[i] == Approx(quantized_bits(from, bits, integer, symmetric, keep_negative, alpha))
                        .epsilon(1e-14));
    }
  }
  for (const auto& [spec, bits, integer, slope] :
       std::vector<std::tuple<std::string, int, int, double>>{
           {"quantized_relu(5,2)", 5, 2, 0.0},
           {"quantized_relu(4,1,0.25)", 4, 1, 0.25},
           {"quantized_relu(6,1,slope=0.5)", 6, 1, 0.5},
       }) {
    CAPTURE(spec);
    const std::vector<double> y = vector_of(activation_quantizer(spec)->forward(x));
    for (std::size_t i = 0; i < y.size(); ++i) {
      CHECK(y[i] == quantized_relu(vector_of(x)[i], bits, integer, slope));
    }
  }
  CHECK(vector_of(weight_quantizer("quantized_bits(1,alpha=0.5)")->forward(tensor({-3, 0, .1}))) ==
        std::vector<double>{-.5, .5, .5});
}

TEST_CASE("auto_po2 gives each output channel its own scale and repeats its step five times") {
  const at::Tensor row = tensor(golden_w);
  const at::Tensor w = at::stack({row, row * 8.0});
  const auto quantizer = weight_quantizer("quantized_bits(4,0,1,1,auto_po2)");
  const Grid grid = quantizer->grid(w);
  REQUIRE(grid.scale.sizes() == at::IntArrayRef({2, 1}));
  CHECK(vector_of(grid.scale) == std::vector<double>{.125, 1.0});
  CHECK(at::equal(quantizer->integers(w)[0], quantizer->integers(w)[1]));
  // Of -1, 0, 1, each scale lets in eight times more weights of half the size: every step halves
  // it, from 1, and would go on.
  const at::Tensor cascade =
      at::repeat_interleave(tensor({1.0, 0.52, 0.27, 0.14, 0.07, 0.035, 0.018}),
                            at::tensor({1, 8, 64, 512, 4096, 32768, 262144}, at::kLong));
  CHECK(number(weight_quantizer("quantized_bits(2,0,1,1,auto_po2)")->grid(cascade).scale) ==
        std::exp2(-5));
  // A tensor of zeros stays so.
  CHECK(vector_of(weight_quantizer("quantized_bits(4,0,1,1,auto)")->forward(tensor({0, 0}))) ==
        std::vector<double>{0, 0});
}

TEST_CASE("integer weights per channel have the scale of each row, whatever trails") {
  at::manual_seed(2);
  const at::Tensor w =
      at::randn({3, 5, 1}) * tensor({0.1, 1.0, 30.0}).to(at::kFloat).view({3, 1, 1});
  const auto whole = weight_quantizer("int6-per-channel", 3);
  const at::Tensor y = whole->forward(w);
  REQUIRE(whole->grid(w).scale.sizes() == at::IntArrayRef({3, 1, 1}));
  for (std::int64_t row = 0; row < 3; ++row) {
    const at::Tensor own = w.narrow(0, row, 1);
    CHECK(at::equal(y.narrow(0, row, 1), weight_quantizer("int6")->forward(own)));
    CHECK(number(whole->integers(w)[row].abs().max()) == 31);
  }
  CHECK_FALSE(at::equal(y, weight_quantizer("int6")->forward(w)));
}

TEST_CASE("ternary weights are 0 or the mean of the large ones") {
  // Mean |w| 0.9, threshold 0.63, mean of those beyond 1.5; at the threshold: 0.
  const auto quantizer = weight_quantizer("ternary");
  CHECK(vector_of(quantizer->forward(tensor({1.0, -2.0, 0.1, 0.5}))) ==
        std::vector<double>{1.5, -1.5, 0, 0});
  CHECK(vector_of(quantizer->integers(tensor({1.0, -2.0, 0.1, 0.5}))) ==
        std::vector<double>{1, -1, 0, 0});
  CHECK(vector_of(quantizer->forward(tensor({0, 0}))) == std::vector<double>{0, 0});
  CHECK(number(quantizer->bits()) == Approx(1.585).epsilon(1e-3));
}

// Gradients.

TEST_CASE("QKeras's gradient is 1 everywhere, of its ReLU that of the clipped ReLU") {
  const at::Tensor x = tensor({-9.0, -0.3, 0.3, 1.85, 1.9, 9.0});
  const std::vector<double> ones(6, 1.0);
  CHECK(vector_of(gradient(*activation_quantizer("quantized_bits(4,0,1)"), x)) == ones);
  CHECK(vector_of(gradient(*activation_quantizer("quantized_bits(4,0,1,1,0.3)"), x)) == ones);
  CHECK(vector_of(gradient(*weight_quantizer("quantized_bits(4,0,1,1,auto_po2)"), x)) == ones);
  CHECK(vector_of(gradient(*weight_quantizer("ternary"), x)) == ones);
  CHECK(vector_of(gradient(*activation_quantizer("quantized_relu(4,1)"), x)) ==  // top 1.875
        std::vector<double>{0, 0, 1, 1, 0, 0});
  CHECK(vector_of(gradient(*activation_quantizer("quantized_relu(4,1,0.25)"), x)) ==  // top 1.75
        std::vector<double>{.25, .25, 1, 0, 0, 0});
}

TEST_CASE("fixed point has gradient 0 where it clips, and wraps in evaluation only") {
  const at::Tensor x = tensor({-1.1, -1.0, -0.3, 0.875, 0.9, 3.0});
  CHECK(vector_of(gradient(*activation_quantizer("fixed<4,1>"), x)) ==
        std::vector<double>{0, 1, 1, 1, 0, 0});
  CHECK(vector_of(gradient(*activation_quantizer("fixed<4,1,RND,SAT_SYM>"), x)) ==
        std::vector<double>{0, 0, 1, 1, 0, 0});
  const auto wrapping = activation_quantizer("fixed<4,1,RND,WRAP>");
  CHECK(vector_of(wrapping->forward(x)) == std::vector<double>{-1.125, -1, -.25, .875, .875, 3});
  CHECK(vector_of(gradient(*wrapping, x)) == std::vector<double>(6, 1.0));
  wrapping->eval();
  CHECK(vector_of(wrapping->forward(x)) == std::vector<double>{.875, -1, -.25, .875, .875, -1});
}

/// Central differences of a function of one number.
template <class Function>
double slope(const Function& function, double at) {
  constexpr double h = 1e-5;
  return (function(at + h) - function(at - h)) / (2 * h);
}

TEST_CASE("integer weights: the scale learns with the largest weight, rounding passes straight") {
  const auto [spec, divisor, power] = GENERATE(table<std::string, double, double>({
      {"int3", 3.0, 0.0},
      {"int3-po2", 4.0, 0.5},       // 0.6 -> 0.5, which clips it
      {"int3-po2-ceil", 4.0, 1.0},  // 0.6 -> 1
  }));
  CAPTURE(spec);
  const std::vector<double> w{0.6, -0.31, 0.44, 0.08, -0.53};
  const std::vector<double> weights{0.7, -1.1, 0.4, 1.9, -0.3};
  const at::Tensor given = leaf(tensor(w));
  const auto quantizer = weight_quantizer(spec);
  (quantizer->forward(given) * tensor(weights)).sum().backward();
  // The same with what rounding added held fixed, and what was clipped kept at the bound.
  const auto scale = [&](double largest) {
    return (power == 0.0 ? largest : largest / 0.6 * power) / divisor;
  };
  const double now = scale(0.6);
  for (std::size_t j = 0; j < w.size(); ++j) {
    const auto loss = [&](double moved) {
      double sum = 0.0;
      for (std::size_t k = 0; k < w.size(); ++k) {
        const double own = k == j ? moved : w[k];
        const double s = scale(j == 0 ? moved : w[0]);
        const double q = std::nearbyint(w[k] / now);
        const double y = std::abs(q) > 3 ? s * std::copysign(3.0, q) : own + s * (q - w[k] / now);
        sum += weights[k] * y;
      }
      return sum;
    };
    CHECK(number(given.grad()[static_cast<std::int64_t>(j)]) ==
          Approx(slope(loss, w[j])).epsilon(1e-7));
  }
}

TEST_CASE("a learned scale has the gradients of LSQ as ATen computes them") {
  at::manual_seed(3);
  const at::Tensor w = at::randn({4, 6}) * 0.8;
  const at::Tensor weights = at::randn({4, 6});
  const auto quantizer = weight_quantizer("int3-lsq");
  const at::Tensor given = leaf(w);
  (quantizer->forward(given) * weights).sum().backward();
  const at::Tensor scale = quantizer->named_parameters()["scale"];
  CHECK(number(scale) ==
        Approx(2.0 * number(w.abs().to(at::kDouble).mean()) / std::sqrt(3.0)).epsilon(1e-7));
  const at::Tensor own = leaf(w);
  const at::Tensor own_scale = leaf(scale.view({1}));
  const at::Tensor y = at::_fake_quantize_learnable_per_tensor_affine(
      own, own_scale, at::zeros({1}), -4, 3, 1.0 / std::sqrt(24.0 * 3.0));
  CHECK(at::allclose(quantizer->forward(w), y, 1e-6, 1e-7));
  (y * weights).sum().backward();
  CHECK(at::allclose(given.grad(), own.grad(), 1e-6, 0));
  CHECK(number(scale.grad()) == Approx(number(own_scale.grad())).epsilon(1e-5));
}

TEST_CASE("learned scales of channels are those of each channel alone") {
  at::manual_seed(4);
  const at::Tensor w = at::randn({3, 8, 1});
  const auto whole = weight_quantizer("int4-lsq-per-channel", 3);
  const at::Tensor y = whole->forward(w);
  y.square().sum().backward();
  REQUIRE(whole->named_parameters()["scale"].sizes() == at::IntArrayRef({3}));
  for (std::int64_t row = 0; row < 3; ++row) {
    const auto single = weight_quantizer("int4-lsq");
    const at::Tensor alone = single->forward(w.narrow(0, row, 1));
    CHECK(at::allclose(alone, y.narrow(0, row, 1)));
    alone.square().sum().backward();
    CHECK(number(whole->named_parameters()["scale"].grad()[row]) ==
          Approx(number(single->named_parameters()["scale"].grad())).epsilon(1e-5));
  }
}

TEST_CASE("learned bits: values of the rounded format, gradients by HGQ's formula") {
  const auto [f, i] = GENERATE(table<double, double>({{3.0, 0.0}, {2.4, 1.3}, {-1.0, 4.0}}));
  const std::string overflow = GENERATE("SAT", "SAT_SYM");
  CAPTURE(f, i, overflow);
  const auto learned = activation_quantizer("kif-learned<1,0,3,RND_CONV," + overflow + ">");
  learned->to(at::kDouble);
  auto parameters = learned->named_parameters();
  {
    const at::NoGradGuard no_grad;
    parameters["f"].fill_(f);
    parameters["i"].fill_(i);
  }
  const double whole_f = std::nearbyint(f);
  const double whole_i = std::nearbyint(i);
  const auto fixed = activation_quantizer("kif<1," + std::to_string(static_cast<int>(whole_i)) +
                                          "," + std::to_string(static_cast<int>(whole_f)) +
                                          ",RND_CONV," + overflow + ">");
  at::manual_seed(5);
  const at::Tensor x = at::randn({40}, at::kDouble) * 4.0 * std::exp2(whole_i);
  CHECK(at::equal(learned->forward(x), fixed->forward(x)));
  CHECK(at::equal(gradient(*learned, x), gradient(*fixed, x)));
  const double top = std::exp2(whole_i) - std::exp2(-whole_f);
  for (const double value : vector_of(x)) {
    learned->zero_grad();
    const at::Tensor y = learned->forward(tensor({value}));
    y.sum().backward();
    const bool inside = value <= top && value >= (overflow == "SAT" ? -std::exp2(whole_i) : -top);
    const double to_f = number(parameters["f"].grad());
    if (inside) {
      CHECK(to_f == Approx(std::numbers::ln2 * (value - number(y))).margin(1e-12));
      CHECK(number(parameters["i"].grad()) == 0.0);
    } else {  // the bound is the answer, and smooth
      const auto bound = [&](double at_i, double at_f) {
        const double high = std::exp2(at_i) - std::exp2(-at_f);
        return value > 0 ? high : overflow == "SAT" ? -std::exp2(at_i) : -high;
      };
      CHECK(to_f ==
            Approx(slope([&](double at) { return bound(whole_i, at); }, whole_f)).margin(1e-8));
      CHECK(number(parameters["i"].grad()) ==
            Approx(slope([&](double at) { return bound(at, whole_f); }, whole_i)).epsilon(1e-8));
    }
  }
}

TEST_CASE("learned bits of channels: each its own, none left gives 0, the penalty counts them") {
  const auto quantizer = activation_quantizer("kif-learned-per-channel<1,1,2>", 4);
  auto parameters = quantizer->named_parameters();
  {
    const at::NoGradGuard no_grad;
    parameters["i"].copy_(tensor({1, 0.5, -3, 1.5}));
    parameters["f"].copy_(tensor({2, 2.5, 2, -2}));
  }
  // i 1, 0, -3, 2 and f 2, 2, 2, -2: formats 4 bits, 3 bits, none, sign only.
  const at::Tensor x = tensor({1.3, 1.3, 1.3, 1.3}).to(at::kFloat);
  const at::Tensor y = quantizer->forward(at::stack({x, -x * 3}));
  CHECK(vector_of(y) == std::vector<double>{1.25, .75, 0, 0, -2, -1, 0, -4});
  const at::Tensor bits = quantizer->bits();
  CHECK(vector_of(bits) == std::vector<double>{4, 3, 0, 1});
  bits.sum().backward();
  CHECK(vector_of(parameters["f"].grad()) == std::vector<double>{1, 1, 0, 1});
  CHECK(vector_of(parameters["i"].grad()) == std::vector<double>{1, 1, 0, 1});
  // A weight has its channels first, whatever trails.
  const auto of_weight = weight_quantizer("fixed-learned-per-channel<4,2>", 4);
  const at::Tensor w = at::stack({x, -x * 3}).t().unsqueeze(2);
  CHECK(vector_of(of_weight->forward(w)) ==
        std::vector<double>{1.25, -2, 1.25, -2, 1.25, -2, 1.25, -2});
  CHECK_FALSE(weight_quantizer("fixed<4,2>")->bits().requires_grad());
  // Far from 1, and as wide as float32 holds, they start where the fixed format is.
  for (const std::string format : {"<8,-24>", "<8,24>", "<24,1>", "<1,1>"}) {
    for (const std::string kind : {"fixed", "ufixed"}) {
      CAPTURE(kind, format);
      const auto start = weight_quantizer(kind + "-learned" + format);
      const auto expected = weight_quantizer(kind + format);
      CHECK(number(start->bits()) == number(expected->bits()));
      const at::Tensor values =
          at::linspace(-1.0, 1.0, 101) * number(expected->grid(x).scale) * 200;
      CHECK(at::equal(start->forward(values), expected->forward(values)));
    }
  }
}

TEST_CASE("activations have gradient 1 inside the range they were calibrated to, else 0") {
  const auto quantizer = activation_quantizer("int4");
  calibrate(*quantizer, tensor({-0.5, 1.0}));
  // Steps of 1/8 from -8 to 7; rounded first, 0.93 is still inside.
  CHECK(vector_of(gradient(*quantizer, tensor({-1.07, -1.0, 0.3, 0.93, 0.95}))) ==
        std::vector<double>{0, 1, 1, 1, 0});
}

// Properties of all kinds.

const std::vector<std::string> weight_specs{
    "fixed<6,2>",
    "fixed<6,2,TRN,WRAP>",
    "ufixed<5,1,RND_INF,SAT>",
    "kif-learned<1,1,4,RND,SAT_SYM>",
    "kif-learned-per-channel<1,1,4>",
    "quantized_bits(6,1)",
    "quantized_bits(6,1,1,1,0.37)",
    "quantized_bits(1)",
    "quantized_bits(4,0,1,1,auto)",
    "quantized_bits(4,0,1,1,auto_po2)",
    "int8",
    "int3-per-channel",
    "int4-po2",
    "int4-po2-ceil-per-channel",
    "int4-lsq",
    "int4-lsq-per-channel",
    "ternary",
};
const std::vector<std::string> activation_specs{
    "fixed<6,2>",
    "fixed<6,2,RND_ZERO,WRAP>",
    "kif-learned-per-channel<1,1,4>",
    "quantized_bits(6)",
    "quantized_relu(6,1)",
    "quantized_relu(6,1,0.25)",
    "int8",
    "uint8",
    "int4-ema",
    "int8-percentile",
    "int4-percentile(99)",
    "uint4-mse",
    "int4-mse-po2",
    "int8-po2",
    "uint8-po2-ceil",
    "int4-lsq",
    "uint4-lsq",
    "int8-asymmetric",
    "uint8-asymmetric",
    "int6-asymmetric-ema",
};

/// Every quantizer above, ready for use, with a tensor for it.
template <class Check>
void for_all(at::ScalarType type, const Check& check) {
  const at::Tensor x = (activations(40, 6, 6) + 0.2).to(type);
  for (const bool weight : {true, false}) {
    for (const std::string& spec : weight ? weight_specs : activation_specs) {
      CAPTURE(spec, weight, type);
      const auto make = [&, weight] {
        return weight ? weight_quantizer(spec, 40) : activation_quantizer(spec, 6);
      };
      const auto quantizer = make();
      calibrate(*quantizer, x);
      quantizer->eval();
      check(*quantizer, x, make);
    }
  }
}

TEST_CASE("integers times the scale are the fake-quantized tensor, bit for bit") {
  for (const at::ScalarType type : {at::kFloat, at::kDouble}) {
    for_all(type, [](Quantizer& quantizer, const at::Tensor& x, const auto&) {
      const at::Tensor y = quantizer.forward(x);
      const at::Tensor q = quantizer.integers(x);
      const Grid grid = quantizer.grid(x);
      REQUIRE(q.scalar_type() == at::kInt);
      REQUIRE(y.scalar_type() == x.scalar_type());
      REQUIRE(y.sizes() == x.sizes());
      const at::Tensor offset = grid.zero_point.defined() ? q - grid.zero_point : q;
      CHECK(at::equal(y, offset.to(x.scalar_type()) * grid.scale));
      CHECK(q.ge(grid.lowest).all().template item<bool>());
      CHECK(q.le(grid.highest).all().template item<bool>());
      CHECK(std::get<0>(at::_unique(q)).numel() > 1);
      const at::NoGradGuard no_grad;
      CHECK(at::equal(quantizer.forward(x), y));
    });
  }
}

TEST_CASE("NaN stays NaN and has no integer") {
  for_all(at::kFloat, [](Quantizer& quantizer, const at::Tensor& x, const auto&) {
    at::Tensor damaged = x.clone();
    damaged[7][3] = not_a_number;
    CHECK(std::isnan(number(quantizer.forward(damaged)[7][3])));
    CHECK_THROWS_AS(quantizer.integers(damaged), InputError);
  });
  const auto quantizer = activation_quantizer("fixed<6,2>");
  CHECK(vector_of(quantizer->forward(tensor({-infinity, infinity}))) ==
        std::vector<double>{-2.0, 1.9375});
}

TEST_CASE("a quantizer comes back from its parameters and buffers") {
  for_all(at::kFloat, [](Quantizer& quantizer, const at::Tensor& x, const auto& make) {
    const auto other = make();
    other->eval();
    const at::NoGradGuard no_grad;
    other->forward(x * 3.0);  // what it knew before does not matter
    const auto copy = [](const auto& from, const auto& to) {
      REQUIRE(from.size() == to.size());
      for (const auto& item : from) {
        to[item.key()].copy_(item.value());
      }
    };
    copy(quantizer.named_parameters(), other->named_parameters());
    copy(quantizer.named_buffers(), other->named_buffers());
    CHECK(at::equal(other->forward(x), quantizer.forward(x)));
    // In another precision too, although Module::to makes every buffer floating; a few values next
    // to a half go elsewhere.
    other->to(at::kDouble);
    const at::Tensor q = other->integers(x.to(at::kDouble));
    CHECK(number(q.ne(quantizer.integers(x)).sum()) <= 3);
  });
}

// Observation.

/// What several ranks give each other when all merge at once.
class Ranks {
 public:
  Ranks(const std::string& spec, std::size_t count) {
    for (std::size_t rank = 0; rank < count; ++rank) {
      quantizers_.push_back(activation_quantizer(spec));
      twins_.push_back(activation_quantizer(spec));
      quantizers_.back()->observe(true);
      twins_.back()->observe(true);
    }
  }

  /// A batch, cut into the parts of the ranks.
  void observe(const std::vector<at::Tensor>& parts) {
    std::vector<double> maxima;
    std::vector<std::int64_t> sums;
    for (std::size_t rank = 0; rank < parts.size(); ++rank) {
      quantizers_[rank]->forward(parts[rank]);
      twins_[rank]->forward(parts[rank]);
    }
    // The twins only tell what each rank has to give.
    for (const auto& twin : twins_) {
      twin->merge({.max =
                       [&](std::span<double> own) {
                         maxima.resize(own.size(), -infinity);
                         std::transform(own.begin(), own.end(), maxima.begin(), maxima.begin(),
                                        [](double a, double b) { return std::max(a, b); });
                       },
                   .sum =
                       [&](std::span<std::int64_t> own) {
                         sums.resize(own.size(), 0);
                         std::transform(own.begin(), own.end(), sums.begin(), sums.begin(),
                                        std::plus<>());
                       }});
    }
    for (const auto& quantizer : quantizers_) {
      quantizer->merge(
          {.max =
               [&](std::span<double> own) { std::copy(maxima.begin(), maxima.end(), own.begin()); },
           .sum =
               [&](std::span<std::int64_t> own) {
                 std::copy(sums.begin(), sums.end(), own.begin());
               }});
    }
  }

  std::vector<std::shared_ptr<Quantizer>>& quantizers() { return quantizers_; }

 private:
  std::vector<std::shared_ptr<Quantizer>> quantizers_;
  std::vector<std::shared_ptr<Quantizer>> twins_;
};

const std::vector<std::string> observing_specs{
    "int8",      "uint8",    "int4-ema", "int8-percentile(99)", "int4-mse",
    "uint4-mse", "int4-lsq", "int8-po2", "int8-asymmetric",     "int6-asymmetric-ema",
};

/// Everything that fix() decides.
std::vector<double> decided(Quantizer& quantizer) {
  quantizer.fix("test");
  const Grid grid = quantizer.grid(at::ones({1, 1}));
  return {number(grid.scale), grid.zero_point.defined() ? number(grid.zero_point) : 0.0};
}

TEST_CASE("the range does not depend on ranks, calls or order, bit for bit") {
  const std::string spec = GENERATE(from_range(observing_specs));
  const at::ScalarType type = GENERATE(at::kFloat, at::kDouble);
  CAPTURE(spec, type);
  std::vector<at::Tensor> batches;
  for (std::uint64_t step = 0; step < 3; ++step) {
    batches.push_back((activations(101, 7, step) * (step == 1 ? 3.0 : 1.0) + 0.3).to(type));
  }
  Ranks one(spec, 1);
  for (const at::Tensor& batch : batches) {
    one.observe({batch});
  }
  const std::vector<double> expected = decided(*one.quantizers()[0]);
  CHECK(expected[0] > 0.0);
  for (const std::size_t count : {2U, 3U}) {
    Ranks ranks(spec, count);
    for (const at::Tensor& batch : batches) {
      // Shuffled, cut unevenly; the last rank may get nothing.
      const at::Tensor shuffled = batch.index_select(0, at::randperm(batch.size(0)));
      std::vector<at::Tensor> parts{shuffled.narrow(0, 0, 90), shuffled.narrow(0, 90, 11)};
      parts.resize(count, shuffled.narrow(0, 0, 0));
      ranks.observe(parts);
    }
    for (const auto& quantizer : ranks.quantizers()) {
      CHECK(decided(*quantizer) == expected);
    }
  }
  // Several calls a batch; merged at the end where no average asks for batches.
  const auto calls = activation_quantizer(spec);
  calls->observe(true);
  for (const at::Tensor& batch : batches) {
    for (const at::Tensor& part : batch.split(40)) {
      calls->forward(part);
    }
    if (spec.find("ema") != std::string::npos) {
      calls->merge({});
    }
  }
  calls->merge({});
  CHECK(decided(*calls) == expected);
}

TEST_CASE("an interrupted observation goes on from its buffers") {
  const std::string spec = GENERATE(from_range(observing_specs));
  CAPTURE(spec);
  const auto whole = activation_quantizer(spec);
  const auto first = activation_quantizer(spec);
  const auto second = activation_quantizer(spec);
  const auto step = [](Quantizer& quantizer, std::uint64_t batch) {
    quantizer.observe(true);
    quantizer.forward(activations(50, 4, batch));
    quantizer.merge({});
  };
  step(*whole, 0);
  step(*whole, 1);
  first->to(at::kFloat);  // as a network is moved to its device; float32 counts to 2^24 only
  step(*first, 0);
  CHECK(first->named_buffers()["observer.counts"].scalar_type() == at::kLong);
  for (const auto& item : first->named_buffers()) {
    second->named_buffers()[item.key()].copy_(item.value());
  }
  step(*second, 1);
  CHECK(decided(*second) == decided(*whole));
}

TEST_CASE("until its range is fixed a quantizer gives its input, and only observes when told to") {
  const auto quantizer = activation_quantizer("int8");
  const at::Tensor x = tensor({-1.0, 0.3, 0.7}).to(at::kFloat);
  const at::Tensor far = tensor({1e6}).to(at::kFloat);
  CHECK(at::equal(quantizer->forward(far), far));
  CHECK_THROWS_WITH(quantizer->fix("blocks.0.fc1"),
                    Catch::StartsWith("blocks.0.fc1: ") && Catch::Contains("calibrate"));
  quantizer->observe(true);
  CHECK(at::equal(quantizer->forward(x), x));
  quantizer->observe(false);
  quantizer->forward(far);
  quantizer->merge({});
  quantizer->fix("test");
  CHECK(vector_of(quantizer->forward(x)) == std::vector<double>{-1, 38.0 / 128, 90.0 / 128});
  quantizer->forward(far);
  quantizer->merge({});
  CHECK(number(quantizer->grid(x).scale) == 1.0 / 128);
  // Told again, it starts anew.
  quantizer->observe(true);
  CHECK(at::equal(quantizer->forward(x), x));
  quantizer->merge({});
  quantizer->observe(true);
  quantizer->forward(x * 0.5);
  quantizer->merge({});
  quantizer->fix("test");
  CHECK(number(quantizer->grid(x).scale) == 1.0 / 128);
}

TEST_CASE("NaN and infinity give no range") {
  const std::string spec = GENERATE(from_range(observing_specs));
  const double bad = GENERATE(not_a_number, infinity);
  CAPTURE(spec, bad);
  const auto quantizer = activation_quantizer(spec);
  CHECK_THROWS_WITH(calibrate(*quantizer, tensor({1.0, bad, 2.0})), Catch::Contains("NaN"));
}

TEST_CASE("ranges by hand: largest, average, both ends") {
  const at::Tensor x = tensor({-3.0, 0.25, 1.0});
  const auto absmax = activation_quantizer("int8");
  calibrate(*absmax, x);
  CHECK(number(absmax->grid(x).scale) == 3.0 / 128);
  const auto positive = activation_quantizer("uint8");
  calibrate(*positive, x);
  CHECK(number(positive->grid(x).scale) == Approx(1.0 / 255));
  CHECK(vector_of(positive->integers(x)) == std::vector<double>{0, 64, 255});
  const auto power = activation_quantizer("int8-po2");
  calibrate(*power, x);
  CHECK(number(power->grid(x).scale) == 4.0 / 128);
  const auto power_of_positive = activation_quantizer("uint8-po2-ceil");
  calibrate(*power_of_positive, x);
  CHECK(number(power_of_positive->grid(x).scale) == 1.0 / 256);
  const auto average = activation_quantizer("int8-ema");
  average->observe(true);
  for (const double largest : {1.0, 2.0, 4.0}) {
    average->forward(tensor({largest, -0.1}));
    average->merge({});
  }
  average->merge({});  // nothing new is no batch
  average->fix("test");
  CHECK(number(average->grid(x).scale) ==
        Approx((0.9 * (0.9 * 1.0 + 0.1 * 2.0) + 0.1 * 4.0) / 128).epsilon(1e-6));
  const auto both = activation_quantizer("int8-asymmetric");
  calibrate(*both, x);
  CHECK(number(both->grid(x).scale) == Approx(4.0 / 255));
  CHECK(number(both->grid(x).zero_point) == 63);  // -128 + 191.25
  CHECK(vector_of(both->integers(x)) == std::vector<double>{-128, 79, 127});
  const auto above = activation_quantizer("uint8-asymmetric");
  calibrate(*above, tensor({2.0, 5.1}));  // 0 is always on the grid
  CHECK(number(above->grid(x).scale) == Approx(0.02));
  CHECK(number(above->grid(x).zero_point) == 0);
  const auto zeros = activation_quantizer("int8-mse");
  calibrate(*zeros, tensor({0.0, 0.0}));
  CHECK(vector_of(zeros->forward(tensor({0.0}))) == std::vector<double>{0.0});
}

TEST_CASE("percentiles are within a bin of the sorted values, 100 is the largest") {
  const at::Tensor x = activations(500, 20, 9);
  const at::Tensor sorted = std::get<0>(x.abs().flatten().sort());
  for (const double percent : {1.0, 50.0, 99.0, 99.9, 99.999}) {
    CAPTURE(percent);
    const auto quantizer = activation_quantizer("int8-percentile(" + std::to_string(percent) + ")");
    calibrate(*quantizer, x);
    const auto rank = static_cast<std::int64_t>(std::floor(percent / 100 * 10000 + 0.5));
    const double exact = number(sorted[rank - 1]);
    CHECK(number(quantizer->grid(x).scale) * 128 == Approx(exact).epsilon(1.0 / 32));
  }
  const auto whole = activation_quantizer("int8-percentile(percent=100)");
  calibrate(*whole, x);
  CHECK(number(whole->grid(x).scale) == number(sorted[-1]) / 128);
}

TEST_CASE("the range of least squared error is the best of its candidates, nearly") {
  const std::string spec = GENERATE("int2-mse", "int3-mse", "int4-mse", "uint4-mse", "int8-mse");
  CAPTURE(spec);
  const at::Tensor x = activations(2000, 10, 10);
  const at::Tensor seen = spec[0] == 'u' ? x.clamp_min(0) : x;
  const auto quantizer = activation_quantizer(spec);
  calibrate(*quantizer, x);
  // By |x|, as the quantizer counts: the extra negative integer is not used.
  const Grid chosen = quantizer->grid(x);
  const auto error = [&](double scale) {
    const at::Tensor q = at::clamp((seen.abs() / scale).round(), 0, number(chosen.highest));
    return number((q * scale - seen.abs()).square().mean());
  };
  const double divisor = spec[0] == 'u' ? number(chosen.highest) : number(chosen.highest) + 1;
  const double largest = number(seen.abs().max());
  double best = infinity;
  for (int j = 0; j <= 128; ++j) {
    best = std::min(best, error(largest * std::exp2(-j / 16.0) / divisor));
  }
  CHECK(error(number(chosen.scale)) < 1.03 * best);
  if (spec != "int8-mse") {  // the largest is not as good
    CHECK(error(largest / divisor) > 1.5 * best);
  }
}

TEST_CASE("a learned scale of activations starts at LSQ's, by the mean of |x|") {
  const at::Tensor x = activations(300, 20, 11);
  const auto quantizer = activation_quantizer("int4-lsq");
  CHECK(at::equal(quantizer->forward(x), x));
  calibrate(*quantizer, x);
  const double mean = number(x.abs().mean());
  const at::Tensor scale = quantizer->named_parameters()["scale"];
  CHECK(number(scale) == Approx(2 * mean / std::sqrt(7.0)).epsilon(2e-3));
  // Its gradient is divided by the features of a row, not by the rows this rank happens to have.
  quantizer->forward(x).sum().backward();
  const double whole = number(scale.grad());
  double parts = 0.0;
  for (const at::Tensor& part : x.split(77)) {
    quantizer->zero_grad();
    quantizer->forward(part).sum().backward();
    parts += number(scale.grad());
  }
  CHECK(parts == Approx(whole).epsilon(1e-4));
}

// Texts.

TEST_CASE("a wrong text is refused with what was given and what there is") {
  const auto [text, weight, message] = GENERATE(table<std::string, bool, std::string>({
      {"imt8", true, "unknown quantizer 'imt'"},
      {"imt8", true,
       "there are: fixed, ufixed, kif, quantized_bits, quantized_relu, int, uint, ternary"},
      {"", true, "unknown quantizer ''"},
      {"int", true, "2 to 24 bits"},
      {"int1", true, "2 to 24 bits"},
      {"int99", false, "2 to 23 bits"},
      {"int8x", true, "2 to 24 bits"},
      {"int8-perchannel", true, "'-perchannel' does not belong here; it is written int<bits>"},
      {"int8-per-channel", false, "'-per' does not belong here"},
      {"int8-ema", true, "'-ema' does not belong here"},
      {"int8-ema-mse", false, "'-mse' does not belong here"},
      {"int8(3)", false, "'3' does not belong here"},
      {"int8-percentile(0)", false, "above 0 and at most 100"},
      {"int8-percentile(x)", false, "'percent' must be a number, not 'x'"},
      {"int8-asymmetric-mse", false, "asymmetric goes with"},
      {"int8-lsq-po2", false, "no power of two"},
      {"uint8", true, "weights have signs"},
      {"ternary", false, "for weights"},
      {"ternary3", true, "'3' does not belong here"},
      {"fixed", true, "'W' must be a whole number"},
      {"fixed8<8,3>", true, "'8' does not belong here"},
      {"fixed<8>", true, "'I' must be a whole number"},
      {"fixed<8,3", true, "bracket"},
      {"fixed<8,3)", true, "bracket"},
      {"fixed<0,0>", true, "from 1 to 24"},
      {"fixed<8.5,3>", true, "'W' must be a whole number"},
      {"fixed<8,3,RNDX>", true, "unknown rounding 'RNDX'"},
      {"fixed<8,3,RND,SATURATE>", true, "there are: SAT, SAT_SYM, WRAP"},
      {"fixed<8,3,RND,SAT,1>", true, "'1' does not belong here"},
      {"fixed-learned<8,3,RND,WRAP>", true, "take SAT or SAT_SYM"},
      {"kif<1,2,-4>", true, "-1 bits"},
      {"kif<2,2,4>", true, "'k' must be a whole number from 0 to 1"},
      {"kif<1,20,20>", true, "41 bits"},
      {"quantized_bits(8,0,2)", true, "'symmetric'"},
      {"quantized_bits(8,0,1,1,automatic)", true, "'alpha' must be a number"},
      {"quantized_bits(8,0,1,1,nan)", true, "'alpha' must be a number"},
      {"quantized_bits(8,alpha=auto)", false, "for weights"},
      {"quantized_bits(8,0,1,0,auto)", true, "needs a sign"},
      {"quantized_bits(8,bots=3)", true, "'bots=3' does not belong here"},
      {"quantized_relu(4,0,0.3)", false, "power of two"},
      {"quantized_relu(4,0,0.0625)", false, "power of two"},
  }));
  CAPTURE(text);
  CHECK_THROWS_AS(make_quantizer(text, {.is_weight = weight, .channels = 3}, "model.toml"),
                  InputError);
  CHECK_THROWS_WITH(make_quantizer(text, {.is_weight = weight, .channels = 3}, "model.toml"),
                    Catch::Contains("model.toml") && Catch::Contains("'" + text + "'") &&
                        Catch::Contains(message));
}

TEST_CASE("the table of kinds has a form and a sentence for each") {
  CHECK(quantizer_kinds().size() == 8);
  for (const QuantizerKind& kind : quantizer_kinds()) {
    CHECK(kind.form.starts_with(kind.name));
    CHECK_FALSE(kind.description.empty());
  }
}

}  // namespace
}  // namespace eebench::nn
