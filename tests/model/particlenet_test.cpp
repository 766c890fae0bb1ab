#include "eebench/model/particlenet/particlenet.hpp"

#include <cstdlib>
#include <filesystem>

#include <ATen/ATen.h>
#include <catch2/catch.hpp>

#include "eebench/data/jet_source.hpp"
#include "eebench/model/weights.hpp"
#include "eebench/nn/peak_memory.hpp"
#include "tests/model/golden.hpp"
#include "tests/support/paths.hpp"

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

/// Jets of these multiplicities, made of the golden particles.
State jets_of(const std::vector<std::int64_t>& multiplicities) {
  std::vector<State> jets;
  for (const std::int64_t n : multiplicities) {
    const State batch = test::golden_batch(at::kFloat).select(std::vector<std::int64_t>{2});
    State jet{nn::Ragged(std::vector<std::int64_t>{0, n})};
    for (const char* name : {"features", "points", "vectors"}) {
      jet.set(name, Axis::particle, batch.get(name).narrow(0, 0, n));
    }
    jets.push_back(jet);
  }
  return State::concat(jets);
}

TEST_CASE("one long jet among short ones costs ParticleNet what its constituents cost") {
  const at::NoGradGuard no_grad;
  const auto network = golden_network({}, at::kFloat);
  network->prepare();
  std::vector<std::int64_t> mixed(63, 20);
  mixed.push_back(128);
  const std::vector<std::int64_t> alike(35, 40);  // 1400 particles, 12 more
  const auto peak = [&](const State& batch) {
    const nn::PeakMemory memory(at::kCPU);
    test::all_exits(*network, batch);
    return static_cast<double>(memory.bytes());
  };
  const State mixed_jets = jets_of(mixed);
  const State alike_jets = jets_of(alike);
  const double least = peak(alike_jets);
  CHECK(least > 0.0);
  CHECK(peak(mixed_jets) < 1.05 * least);
  const nn::WorkScope scope;
  test::all_exits(*network, mixed_jets);
  nn::Work constituents;
  for (const std::int64_t n : mixed) {
    constituents += network->stem_cost(n).work + network->segment_cost(0, n).work +
                    network->head_cost(0, n).work;
  }
  CHECK(scope.work() == constituents);
}

TEST_CASE("ParticleNet with its published weights") {
  const auto weights = test::full_samples() / ".." / "reference" / "ParticleNet_full.pt";
  const auto jets_file = test::full_samples() / "generated" / "jets_test.h5";
  if (!std::filesystem::exists(weights) || !std::filesystem::exists(jets_file)) {
    WARN("skipped: needs the full samples; set EEBENCH_TEST_DATA to their folder");
    return;
  }
  const at::NoGradGuard no_grad;
  const auto network = make_particlenet({.exits_after = {1, 2}});
  load_state_dict(*network, read_weights(weights).tensors, weights.string(), true);
  network->eval();
  const std::vector<double> golden{-64.99559,  -144.21930, -121.37627, -141.89844, -220.01822,
                                   -124.49356, -100.24168, -109.89057, -253.97762, -136.56064};
  const auto recipe = test::all_exits(*network, test::golden_batch(at::kFloat)).back();
  CHECK(at::allclose(recipe[0].to(at::kDouble), at::tensor(golden, at::kDouble), 1e-5, 0.0));

  network->prepare();
  const std::vector<double> first_jets{
      -13.19129, -3.35694,  -20.69,    -14.98987, -27.18637, -29.28117, -10.04611, -26.2428,
      -20.42424, -20.27835, -11.91094, -19.30074, -12.60431, -14.22307, -9.24405,  1.64464,
      -12.3692,  -11.37418, -10.93727, -6.3892,   -3.25341,  -10.1578,  -5.68919,  -0.73171,
      -4.45318,  -12.92715, -4.12902,  -6.31284,  -10.38187, -17.51367, -5.14386,  -0.16719,
      -4.78773,  -2.05445,  -5.27437,  -14.28293, -5.42519,  -8.94057,  -4.96126,  -10.66195};
  const data::JetSource jets(jets_file,
                             data::DataConfig::load(test::source_dir() / "configs/data/full.yaml"));
  std::int64_t right = 0;
  constexpr std::int64_t batch_size = 250;
  for (std::int64_t first = 0; first < 2000; first += batch_size) {
    const data::JetBatch batch = jets.read(first, first + batch_size);
    nn::Context context;
    State state = network->stem(make_inputs(batch, at::kCPU, at::kFloat), context);
    for (std::int64_t k = 0; k < network->exits(); ++k) {
      state = network->segment(k, state, context);
    }
    const at::Tensor logits = network->head(network->exits() - 1, state, context).logits;
    if (first == 0) {
      const at::Tensor expected = at::tensor(first_jets, at::kDouble).view({4, 10});
      CHECK(largest_difference(logits.narrow(0, 0, 4), expected) < 5e-3);
    }
    right += (logits.argmax(1) == at::tensor(batch.labels, at::kLong)).sum().item<std::int64_t>();
  }
  CHECK(std::abs(right - 1693) <= 1);  // accuracy 0.8465
}

TEST_CASE("impossible ParticleNet configurations are refused") {
  CHECK_THROWS_WITH(make_particlenet({.exits_after = {3}}), Catch::Contains("blocks - 1 = 2"));
  CHECK_THROWS_WITH(make_particlenet({.exits_after = {2, 1}}), Catch::Contains("must rise"));
  CHECK_THROWS_WITH(make_particlenet({.blocks = {}}), Catch::Contains("must not be empty"));
  CHECK_THROWS_WITH(make_particlenet({.blocks = {{8}}}), Catch::Contains("two widths"));
}

}  // namespace
}  // namespace eebench::model
