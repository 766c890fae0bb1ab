#include "eebench/model/particlenet/particlenet.hpp"

#include <ATen/ATen.h>
#include <catch2/catch.hpp>

#include "tests/model/golden.hpp"

namespace eebench::model {
namespace {

const std::vector<double> golden_logits{
    0.198667754,  -0.029029538, -0.104351435, 0.039020538,  -0.311085109, 0.257830604,
    -0.351931716, 0.528312682,  -0.409390967, 0.633739466,  0.201210413,  -0.031950126,
    -0.101101616, 0.035495678,  -0.307343981, 0.253935590,  -0.347947761, 0.524306216,
    -0.405428795, 0.629887654,  0.200980485,  -0.031476215, -0.101811608, 0.036429912,
    -0.308486879, 0.255268094,  -0.349447654, 0.525948488,  -0.407186063, 0.631730616};

std::unique_ptr<Network> golden_network(const ParticleNetConfig& config, at::ScalarType type) {
  auto network = make_particlenet(config);
  network->to(at::kDouble);
  test::set_golden_parameters(*network);
  network->to(type);
  network->eval();
  return network;
}

double largest_difference(const at::Tensor& a, const at::Tensor& b) {
  return (a.to(at::kDouble) - b.to(at::kDouble)).abs().max().item<double>();
}

TEST_CASE("ParticleNet reproduces the reference's logits") {
  const at::NoGradGuard no_grad;
  const at::Tensor expected = at::tensor(golden_logits, at::kDouble).view({3, 10});
  const auto logits = [&](at::ScalarType type, nn::Context context = {}) {
    return test::all_exits(*golden_network({}, type), test::golden_batch(type), context).back();
  };
  CHECK(largest_difference(logits(at::kDouble), expected) < 1e-9);
  CHECK(largest_difference(logits(at::kFloat), expected) < 5e-6);
  nn::Context fixed;
  fixed.deterministic = true;
  CHECK(largest_difference(logits(at::kFloat, fixed), expected) < 5e-6);
  const at::AutoGradMode grad(true);
  CHECK(largest_difference(logits(at::kDouble).detach(), expected) < 1e-9);
}

TEST_CASE("ParticleNet's size and cost are the published ones") {
  const auto [features, parameters] =
      GENERATE(std::pair{17, 370156}, std::pair{13, 369380}, std::pair{7, 368216});
  const auto network = make_particlenet({.features = features});
  const Cost pieces[] = {network->stem_cost(128), network->segment_cost(0, 128),
                         network->head_cost(0, 128)};
  std::int64_t counted = 0;
  for (const at::Tensor& parameter : network->parameters()) {
    counted += parameter.numel();
  }
  CHECK(counted == parameters);
  CHECK(pieces[0].parameters + pieces[1].parameters + pieces[2].parameters == parameters);
  if (features == 17) {
    CHECK(pieces[0].weaver_macs + pieces[1].weaver_macs + pieces[2].weaver_macs == 538434826);
  }
}

const ParticleNetConfig small{.blocks = {{8, 8}, {16, 16}, {32, 32}},
                              .fc = 16,
                              .exits_after = {1, 2},
                              .exit_particle_widths = {16},
                              .exit_width = 8};

TEST_CASE("ParticleNet's cost model equals the work that operations counted") {
  const at::NoGradGuard no_grad;
  const auto network = golden_network(small, at::kFloat);
  const State batch = test::golden_batch(at::kFloat);
  nn::Context context;
  const nn::WorkScope scope;
  test::all_exits(*network, batch, context);
  nn::Work formula;
  for (std::int64_t jet = 0; jet < batch.size(); ++jet) {
    const std::int64_t n = batch.jets().multiplicity(jet);
    formula += network->stem_cost(n).work;
    for (std::int64_t k = 0; k < network->exits(); ++k) {
      formula += network->segment_cost(k, n).work + network->head_cost(k, n).work;
    }
  }
  CHECK(scope.work().multiply_adds == formula.multiply_adds);
  CHECK(scope.work().elementwise == formula.elementwise);
  CHECK(scope.work().bytes == formula.bytes);
}

/// The first `n` particles of the first golden jet.
State short_jet(std::int64_t n, at::ScalarType type) {
  const State batch = test::golden_batch(type);
  State jet{nn::Ragged(std::vector<std::int64_t>{0, n})};
  for (const char* name : {"features", "points", "vectors"}) {
    jet.set(name, Axis::particle, batch.get(name).narrow(0, 0, n));
  }
  return jet;
}

TEST_CASE("jets of a ParticleNet batch do not influence each other, short jets included") {
  const at::NoGradGuard no_grad;
  const auto network = golden_network(small, at::kFloat);
  nn::Context context;
  context.deterministic = GENERATE(false, true);
  const double tolerance = context.deterministic ? 0.0 : 2e-5;
  const std::vector<State> jets{short_jet(1, at::kFloat), short_jet(16, at::kFloat),
                                short_jet(17, at::kFloat), short_jet(30, at::kFloat)};
  const auto together = test::all_exits(*network, State::concat(jets), context);
  for (std::size_t j = 0; j < jets.size(); ++j) {
    const auto alone = test::all_exits(*network, jets[j], context);
    for (std::size_t k = 0; k < alone.size(); ++k) {
      CHECK(at::isfinite(alone[k]).all().item<bool>());
      CHECK(largest_difference(together[k][static_cast<std::int64_t>(j)], alone[k][0]) <=
            tolerance);
    }
  }
}

TEST_CASE("gradients of ParticleNet agree with finite differences") {
  const auto network = make_particlenet({.blocks = {{6, 6}, {8, 8}},
                                         .fc = 5,
                                         .exits_after = {1},
                                         .exit_particle_widths = {4},
                                         .exit_width = 3});
  network->to(at::kDouble);
  test::set_golden_parameters(*network);
  network->train();
  nn::Context context;
  context.training = true;
  context.jet_index = {0, 1, 2};
  const State batch = test::golden_batch(at::kDouble);
  const auto loss = [&] {
    const auto logits = test::all_exits(*network, batch, context);
    return logits[0].square().sum() + logits[1].square().sum();
  };
  loss().backward();
  const at::Tensor weight = network->named_parameters()["edge_convs.0.convs.1.weight"];
  const double slope = weight.grad().view({-1})[3].item<double>();
  const at::NoGradGuard no_grad;
  constexpr double step = 1e-6;
  weight.view({-1})[3] += step;
  const double above = loss().item<double>();
  weight.view({-1})[3] -= 2 * step;
  const double below = loss().item<double>();
  CHECK(slope == Approx((above - below) / (2 * step)).epsilon(1e-5));
}

TEST_CASE("impossible ParticleNet configurations are refused") {
  CHECK_THROWS_WITH(make_particlenet({.exits_after = {3}}), Catch::Contains("blocks - 1 = 2"));
  CHECK_THROWS_WITH(make_particlenet({.exits_after = {2, 1}}), Catch::Contains("must rise"));
  CHECK_THROWS_WITH(make_particlenet({.blocks = {}}), Catch::Contains("must not be empty"));
}

}  // namespace
}  // namespace eebench::model
