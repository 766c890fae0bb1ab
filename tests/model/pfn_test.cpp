#include "eebench/model/pfn/pfn.hpp"

#include <ATen/ATen.h>
#include <catch2/catch.hpp>

#include "tests/model/golden.hpp"

namespace eebench::model {
namespace {

// Logits of the network of particle_transformer's networks/example_PFN.py (17 features, 10 classes)
// in PyTorch, float64, with the parameters of set_golden_parameters(network, "") and the jets of
// golden_batch() wrapped to 128 slots with their mask.
const std::vector<double> golden_logits{
    0.356145008,  0.323483220,  -0.270064843, -0.122735756, 0.411797708,  0.096249485,
    -0.509285146, -0.187287967, 0.378670872,  0.058399590,  0.319765136,  0.340121678,
    -0.235833476, -0.143794471, 0.380285629,  0.121377318,  -0.481017796, -0.216065932,
    0.354119588,  0.090347834,  0.307124332,  0.309073602,  -0.219183470, -0.114896392,
    0.359904046,  0.095111090,  -0.457244485, -0.192869524, 0.327350951,  0.070608029};

std::unique_ptr<Network> golden_network(const PfnConfig& config, at::ScalarType type) {
  auto network = make_pfn(config);
  network->to(at::kDouble);
  test::set_golden_parameters(*network, "");
  network->to(type);
  network->eval();
  return network;
}

TEST_CASE("PFN reproduces the reference's logits") {
  const at::NoGradGuard no_grad;
  const at::Tensor expected = at::tensor(golden_logits, at::kDouble).view({3, 10});
  const auto logits = [&](at::ScalarType type, const nn::Context& context = {}) {
    return test::all_exits(*golden_network({}, type), test::golden_batch(type), context).back();
  };
  CHECK(test::largest_difference(logits(at::kDouble), expected) < 1e-9);
  CHECK(test::largest_difference(logits(at::kFloat), expected) < 5e-6);
  CHECK(test::largest_difference(logits(at::kFloat, {.deterministic = true}), expected) < 5e-6);
  const at::AutoGradMode grad(true);
  CHECK(test::largest_difference(logits(at::kDouble).detach(), expected) < 1e-9);
}

TEST_CASE("PFN's size and cost are the published ones") {
  const auto network = make_pfn({});
  const Cost pieces[] = {network->stem_cost(128), network->segment_cost(0, 128),
                         network->head_cost(0, 128)};
  std::int64_t parameters = 0;
  for (const at::Tensor& parameter : network->parameters()) {
    parameters += parameter.numel();
  }
  CHECK(parameters == 86154);
  CHECK(pieces[1].parameters + pieces[2].parameters == parameters);
  CHECK(pieces[0].weaver_macs + pieces[1].weaver_macs + pieces[2].weaver_macs == 4622346);
}

TEST_CASE("impossible PFN configurations are refused") {
  CHECK_THROWS_WITH(make_pfn({.exits_after = {3}}), Catch::Contains("layers of phi - 1 = 2"));
  CHECK_THROWS_WITH(make_pfn({.phi = {}}), Catch::Contains("network.phi must not be empty"));
  CHECK_THROWS_WITH(make_pfn({.f = {8, 0}}), Catch::Contains("network.f = 0"));
  CHECK_THROWS_WITH(make_pfn({.exit_width = 0}), Catch::Contains("exits.width = 0"));
}

}  // namespace
}  // namespace eebench::model
