#include "eebench/model/pcnn/pcnn.hpp"

#include <ATen/ATen.h>
#include <catch2/catch.hpp>

#include "tests/model/golden.hpp"

namespace eebench::model {
namespace {

// Logits, and the sums behind each stage, of the network of particle_transformer's
// networks/example_PCNN.py (17 features, 10 classes) in PyTorch, float64, with the parameters of
// set_golden_parameters(network, "") and the jets of golden_batch() on 128 slots with their mask.
const std::vector<double> golden_logits{
    0.666299300, 0.828994465,  0.907654860, 0.885741223,  0.772342624, 0.597982586,
    0.401778379, 0.215892076,  0.054397058, -0.088468957, 0.666429805, 0.828940596,
    0.907420193, 0.885341346,  0.771804097, 0.597341175,  0.401076687, 0.215176709,
    0.053715530, -0.089071379, 0.666350052, 0.828958342,  0.907534261, 0.885544158,
    0.772082183, 0.597676065,  0.401446138, 0.215556183,  0.054079822, -0.088746466};
const std::vector<double> golden_sums{1457.09511871, 1573.48896137, 1574.00199688,
                                      691.43506599,  692.58604680,  690.27761733,
                                      713.23998834,  703.96418495,  707.36960780};

std::unique_ptr<Network> golden_network(const PcnnConfig& config, at::ScalarType type) {
  auto network = make_pcnn(config);
  network->to(at::kDouble);
  test::set_golden_parameters(*network, "");
  network->to(type);
  network->eval();
  return network;
}

const PcnnConfig small{
    .first = 6, .stages = {{8}, {8, 12}}, .fc = 16, .exits_after = {1, 2}, .exit_width = 8};

TEST_CASE("P-CNN reproduces the reference's logits") {
  const at::NoGradGuard no_grad;
  const at::Tensor expected = at::tensor(golden_logits, at::kDouble).view({3, 10});
  const auto logits = [&](at::ScalarType type, bool prepare = false,
                          const nn::Context& context = {}) {
    const auto network = golden_network({}, type);
    if (prepare) {
      network->prepare();
    }
    return test::all_exits(*network, test::golden_batch(type), context).back();
  };
  CHECK(test::largest_difference(logits(at::kDouble), expected) < 1e-9);
  CHECK(test::largest_difference(logits(at::kFloat), expected) < 5e-6);
  CHECK(test::largest_difference(logits(at::kFloat, true), expected) < 5e-6);
  CHECK(test::largest_difference(logits(at::kFloat, false, {.deterministic = true}), expected) <
        5e-6);
  const at::AutoGradMode grad(true);
  CHECK(test::largest_difference(logits(at::kDouble).detach(), expected) < 1e-9);
}

TEST_CASE("P-CNN reproduces the reference's sums behind each stage") {
  const at::NoGradGuard no_grad;
  const auto network = golden_network({.exits_after = {2, 4}}, at::kDouble);
  nn::Context context;
  State state = network->stem(test::golden_batch(at::kDouble), context);
  const at::Tensor expected = at::tensor(golden_sums, at::kDouble).view({3, 3});
  for (std::int64_t k = 0; k < 3; ++k) {
    state = network->segment(k, state, context);
    CHECK(test::largest_difference(state.get("x").sum({1, 2}), expected[k]) < 1e-7);
  }
}

TEST_CASE("P-CNN's size and cost are the published ones, whatever the multiplicity") {
  const auto network = make_pcnn({});
  std::int64_t parameters = 0;
  for (const at::Tensor& parameter : network->parameters()) {
    parameters += parameter.numel();
  }
  CHECK(parameters == 354540);
  const std::int64_t n = GENERATE(1, 40, 128);
  const Cost pieces[] = {network->stem_cost(n), network->segment_cost(0, n),
                         network->head_cost(0, n)};
  CHECK(pieces[0].parameters + pieces[1].parameters + pieces[2].parameters == parameters);
  CHECK(pieces[0].weaver_macs + pieces[1].weaver_macs + pieces[2].weaver_macs == 15505674);
}

TEST_CASE("P-CNN's cost model equals the work that operations counted") {
  const at::NoGradGuard no_grad;
  const auto network = golden_network(small, at::kFloat);
  if (GENERATE(false, true)) {
    network->prepare();
  }
  const State batch = test::golden_batch(at::kFloat);
  const nn::WorkScope scope;
  test::all_exits(*network, batch);
  const nn::Work formula = test::work_by_formula(*network, batch);
  CHECK(scope.work().multiply_adds == formula.multiply_adds);
  CHECK(scope.work().elementwise == formula.elementwise);
  CHECK(scope.work().bytes == formula.bytes);
}

TEST_CASE("jets of a P-CNN batch do not influence each other, also after compaction") {
  const at::NoGradGuard no_grad;
  const auto network = golden_network(small, at::kFloat);
  if (GENERATE(false, true)) {
    network->prepare();
  }
  const State three = test::golden_batch(at::kFloat);
  const State batch = State::concat(std::vector<State>{three, three});  // more than a chunk
  nn::Context context{.deterministic = true};
  const auto whole = test::all_exits(*network, batch, context);
  for (std::int64_t jet = 0; jet < batch.size(); ++jet) {
    const auto alone = test::all_exits(*network, batch.select(std::vector{jet}), context);
    for (std::size_t k = 0; k < whole.size(); ++k) {
      CHECK(at::equal(alone[k][0], whole[k][jet]));
    }
  }
  State state = network->segment(0, network->stem(batch, context), context);
  state = State::unpack(state.select(std::vector<std::int64_t>{4, 0}).pack());
  state = network->segment(2, network->segment(1, state, context), context);
  const at::Tensor logits = network->head(2, state, context).logits;
  CHECK(at::equal(logits[0], whole[2][4]));
  CHECK(at::equal(logits[1], whole[2][0]));
}

TEST_CASE("P-CNN depends on the order of a jet's particles, as it is meant to") {
  const at::NoGradGuard no_grad;
  const auto network = golden_network(small, at::kDouble);
  const State jet = test::golden_batch(at::kDouble).select(std::vector<std::int64_t>{1});
  State turned = jet;
  turned.set("features", Axis::particle, jet.get("features").roll({7}, {0}));
  CHECK(test::largest_difference(test::all_exits(*network, jet).back(),
                                 test::all_exits(*network, turned).back()) > 1e-6);
}

TEST_CASE("dropout of P-CNN goes with the jet, not with its place in the batch") {
  const at::NoGradGuard no_grad;
  const auto network = golden_network(small, at::kDouble);  // frozen BatchNorms
  const State batch = test::golden_batch(at::kDouble);
  const auto logits = [&](const State& jets, const std::vector<std::int64_t>& jet_index) {
    return test::all_exits(*network, jets, {.training = true, .seed = 3, .jet_index = jet_index});
  };
  const auto straight = logits(batch, {7, 8, 9});
  const auto turned = logits(batch.select(std::vector<std::int64_t>{2, 1, 0}), {9, 8, 7});
  const auto others = logits(batch, {17, 18, 19});
  for (std::size_t k = 0; k < straight.size(); ++k) {
    CHECK(test::largest_difference(straight[k], turned[k].flip(0)) < 1e-12);
    CHECK(test::largest_difference(straight[k], others[k]) > 1e-3);
  }
}

TEST_CASE("P-CNN in training normalises over all positions of all jets") {
  const auto network = golden_network(small, at::kDouble);
  network->train();
  nn::Context context{.training = true, .jet_index = {0, 1, 2}};
  const State batch = test::golden_batch(at::kDouble);
  {
    const at::NoGradGuard no_grad;
    const at::Tensor mean = network->named_buffers()["fts_conv.0.running_mean"];
    const at::Tensor before = mean.clone();
    network->stem(batch, context);
    const at::Tensor of_positions =
        batch.get("features").sum(0) / static_cast<double>(3 * PcnnConfig::positions);
    CHECK(test::largest_difference(mean, 0.9 * before + 0.1 * of_positions) < 1e-12);
  }
  const auto loss = [&] {
    const auto logits = test::all_exits(*network, batch, context);
    return logits[0].square().sum() + logits[2].square().sum();
  };
  loss().backward();
  for (const char* name : {"fts_conv.1.weight", "resnet_units.resnet_unit_1.0.conv_sc.weight",
                           "resnet_units.resnet_unit_1.1.conv2.weight"}) {
    const at::Tensor weight = network->named_parameters()[name];
    const double slope = weight.grad().view({-1})[3].item<double>();
    const at::NoGradGuard no_grad;
    constexpr double step = 1e-6;
    weight.view({-1})[3] += step;
    const double above = loss().item<double>();
    weight.view({-1})[3] -= 2 * step;
    const double below = loss().item<double>();
    weight.view({-1})[3] += step;
    CHECK(slope == Approx((above - below) / (2 * step)).epsilon(1e-4).margin(1e-7));
  }
}

TEST_CASE("impossible P-CNN configurations are refused") {
  CHECK_THROWS_WITH(make_pcnn({.exits_after = {6}}), Catch::Contains("units - 1 = 5"));
  CHECK_THROWS_WITH(make_pcnn({.stages = {}}), Catch::Contains("stages must not be empty"));
  CHECK_THROWS_WITH(make_pcnn({.stages = {{8}, {}}}), Catch::Contains("stages must not be empty"));
  CHECK_THROWS_WITH(make_pcnn({.first = 0}), Catch::Contains("network.first = 0"));
  CHECK_THROWS_WITH(make_pcnn({.dropout = 1.0}), Catch::Contains("network.dropout"));
}

}  // namespace
}  // namespace eebench::model
