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

TEST_CASE("P-CNN in training normalises over all positions of all jets") {
  const at::NoGradGuard no_grad;
  const auto network = golden_network({}, at::kDouble);
  network->train();
  nn::Context context{.training = true, .jet_index = {0, 1, 2}};
  const State batch = test::golden_batch(at::kDouble);
  const at::Tensor mean = network->named_buffers()["fts_conv.0.running_mean"];
  const at::Tensor before = mean.clone();
  network->stem(batch, context);
  const at::Tensor of_positions =
      batch.get("features").sum(0) / static_cast<double>(3 * PcnnConfig::positions);
  CHECK(test::largest_difference(mean, 0.9 * before + 0.1 * of_positions) < 1e-12);
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
