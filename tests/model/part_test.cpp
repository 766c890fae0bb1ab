#include "eebench/model/part/part.hpp"

#include <algorithm>
#include <numeric>

#include <ATen/ATen.h>
#include <catch2/catch.hpp>

#include "eebench/model/part/blocks.hpp"
#include "eebench/nn/pair_features.hpp"
#include "tests/model/golden.hpp"

namespace eebench::model {
namespace {

const std::vector<double> legacy_logits{
    -0.474031078, -0.221351243, 0.533091002,  0.070779422,  -0.697735571, -0.136820655,
    0.632064529,  0.083860256,  -0.515718032, 0.148614485,  -0.473308425, -0.219820083,
    0.532170633,  0.069367108,  -0.696632831, -0.135550737, 0.630797805,  0.082753908,
    -0.514308447, 0.149538815,  -0.473222663, -0.219781457, 0.532079883,  0.069340201,
    -0.696538606, -0.135535996, 0.630701678,  0.082751581,  -0.514212019, 0.149528691};
const std::vector<double> v05_logits{-0.549976689, -0.823861989, 0.686838141, 0.653436976,
                                     -0.926720617, -0.689909630, 0.932469325, 0.598158301,
                                     -0.882533550, -0.318317089};

std::unique_ptr<Network> golden_network(PartConfig config, at::ScalarType type) {
  auto network = make_part(config);
  network->to(at::kDouble);
  test::set_golden_parameters(*network);
  network->to(type);
  network->eval();
  return network;
}

double largest_difference(const at::Tensor& a, const at::Tensor& b) {
  return (a.to(at::kDouble) - b.to(at::kDouble)).abs().max().item<double>();
}

TEST_CASE("ParT reproduces the reference's logits") {
  const at::NoGradGuard no_grad;
  const at::Tensor expected = at::tensor(legacy_logits, at::kDouble).view({3, 10});
  SECTION("in double precision") {
    const auto network = golden_network({}, at::kDouble);
    const auto logits = test::all_exits(*network, test::golden_batch(at::kDouble));
    CHECK(largest_difference(logits.back(), expected) < 1e-9);
  }
  SECTION("in double precision through differentiable operations") {
    const at::AutoGradMode grad(true);
    const auto network = golden_network({}, at::kDouble);
    const auto logits = test::all_exits(*network, test::golden_batch(at::kDouble));
    CHECK(largest_difference(logits.back().detach(), expected) < 1e-9);
  }
  SECTION("in single precision, fast and deterministic") {
    const auto network = golden_network({}, at::kFloat);
    const auto batch = test::golden_batch(at::kFloat);
    CHECK(largest_difference(test::all_exits(*network, batch).back(), expected) < 5e-6);
    nn::Context fixed;
    fixed.deterministic = true;
    CHECK(largest_difference(test::all_exits(*network, batch, fixed).back(), expected) < 5e-6);
  }
  SECTION("with the head layout of weaver-core 0.5") {
    const auto network = golden_network({.legacy_heads = false}, at::kDouble);
    const auto logits = test::all_exits(*network, test::golden_batch(at::kDouble));
    CHECK(largest_difference(logits.back()[0], at::tensor(v05_logits, at::kDouble)) < 1e-9);
  }
}

/// Sum over each jet's rows.
std::vector<double> sums(const at::Tensor& rows, std::span<const std::int64_t> offsets) {
  std::vector<double> result;
  for (std::size_t jet = 0; jet + 1 < offsets.size(); ++jet) {
    result.push_back(rows.narrow(0, offsets[jet], offsets[jet + 1] - offsets[jet])
                         .to(at::kDouble)
                         .sum()
                         .item<double>());
  }
  return result;
}

void check_sums(const std::vector<double>& found, const std::vector<double>& expected) {
  for (std::size_t jet = 0; jet < expected.size(); ++jet) {
    CHECK(found[jet] == Approx(expected[jet]).epsilon(1e-10).margin(1e-7));
  }
}

TEST_CASE("ParT reproduces the reference's sums on the way") {
  const at::NoGradGuard no_grad;
  const bool legacy = GENERATE(true, false);
  // So that a segment ends after each of the reference's blocks 0 and 7.
  const auto network = golden_network({.legacy_heads = legacy, .exits_after = {1}}, at::kDouble);
  const State batch = test::golden_batch(at::kDouble);
  nn::Context context;
  State state = network->stem(batch, context);
  const auto particles = batch.jets().offsets();
  const auto pairs = batch.jets().pair_offsets();
  check_sums(sums(state.get("x"), particles), {2639.90470215, 7547.75155630, 10401.24024413});
  check_sums(sums(state.get("bias"), pairs), {5492.15401241, 29541.97152126, 54874.71775020});
  state = network->segment(0, state, context);
  check_sums(sums(state.get("x"), particles),
             legacy ? std::vector{2540.37664340, 7313.10260870, 10065.37467619}
                    : std::vector{3152.35647725, 8642.96090389, 11991.95048967});
  state = network->segment(1, state, context);
  check_sums(sums(state.get("x"), particles),
             legacy ? std::vector{960.31114840, 3737.26760704, 4906.46242318}
                    : std::vector{-3633.77592400, -6937.80974225, -10467.09918550});
  const auto parameters = network->named_parameters();
  at::Tensor token = parameters["cls_token"].view({1, 128}).expand({3, 128});
  for (const std::string name : {"cls_blocks.0.", "cls_blocks.1."}) {
    PartBlock block(PartBlockOptions{.legacy_heads = legacy});
    block->to(at::kDouble);
    block->eval();
    for (auto& own : block->named_parameters()) {
      own.value().copy_(parameters[name + own.key()]);
    }
    token = block->forward_class(token, state.get("x"), state.jets(), context);
  }
  check_sums(sums(token, std::vector<std::int64_t>{0, 1, 2, 3}),
             legacy ? std::vector{-20.74548515, -20.74739222, -20.74692537}
                    : std::vector{-22.95711843, -22.96972905, -22.96676521});
}

TEST_CASE("pair features are the reference's") {
  const at::Tensor vectors =
      at::tensor({30.0, 40.0, 10.0, 60.0, -5.0, 12.0, -3.0, 14.0}, at::kDouble).view({2, 4});
  const nn::PairRows rows{at::tensor({0}, at::kLong), at::tensor({1}, at::kLong)};
  const at::Tensor found = nn::pair_features(vectors, rows).flatten();
  const std::vector<double> expected{2.667221512, -1.578185369, 0.102272155, 7.648739789};
  for (std::size_t i = 0; i < expected.size(); ++i) {
    CHECK(found[static_cast<std::int64_t>(i)].item<double>() ==
          Approx(expected[i]).epsilon(0.0).margin(1e-9));
  }
}

TEST_CASE("folded and packed weights answer as the reference's do") {
  const at::NoGradGuard no_grad;
  const at::Tensor expected = at::tensor(legacy_logits, at::kDouble).view({3, 10});
  const auto network = golden_network({}, at::kFloat);
  const State batch = test::golden_batch(at::kFloat);
  const at::Tensor before = test::all_exits(*network, batch).back();
  network->prepare();
  const at::Tensor after = test::all_exits(*network, batch).back();
  const double largest = expected.abs().max().item<double>();
  CHECK(largest_difference(before, expected) < 1e-5 * largest);
  CHECK(largest_difference(after, expected) < 1e-5 * largest);
  CHECK(largest_difference(after, before) < 1e-5 * largest);
}

TEST_CASE("ParT's size and cost are the published ones") {
  const auto network = make_part({});
  std::int64_t parameters = 0;
  for (const at::Tensor& parameter : network->parameters()) {
    parameters += parameter.numel();
  }
  CHECK(parameters == 2143486);
  const Cost total[] = {network->stem_cost(128), network->segment_cost(0, 128),
                        network->head_cost(0, 128)};
  CHECK(total[0].parameters + total[1].parameters + total[2].parameters == 2143486);
  CHECK(total[0].weaver_macs + total[1].weaver_macs + total[2].weaver_macs == 341563674);
  CHECK(total[0].work.multiply_adds + total[1].work.multiply_adds + total[2].work.multiply_adds ==
        Approx(334.76e6).epsilon(1e-4));
}

TEST_CASE("impossible ParT configurations are refused") {
  CHECK_THROWS_WITH(make_part({.exits_after = {3, 2}}), Catch::Contains("exits.after must rise"));
  CHECK_THROWS_WITH(make_part({.exits_after = {8}}), Catch::Contains("layers - 1 = 7"));
  CHECK_THROWS_WITH(make_part({.heads = 7}), Catch::Contains("multiple of heads"));
  CHECK_THROWS_WITH(make_part({.exits_after = {1}, .exit_head = "guess"}),
                    Catch::Contains("guess"));
}

}  // namespace
}  // namespace eebench::model
