#include "eebench/model/particlenext/particlenext.hpp"

#include <algorithm>

#include <ATen/ATen.h>
#include <catch2/catch.hpp>

#include "eebench/model/weights.hpp"
#include "tests/model/golden.hpp"

namespace eebench::model {
namespace {

// Logits of weaver-core 0.5.3's ParticleNeXt(feature_input_dim=17, num_classes=10) in float64 with
// the parameters of set_golden_parameters() and the jets of golden_batch() padded to 128 slots.
const std::vector<double> golden_logits{
    0.250299752330, -0.076975885164, -0.060890207711, 0.000769116142,  -0.278681305446,
    0.231814729201, -0.332737564979, 0.516260302877,  -0.404681325016, 0.636451090722,
    0.211420061872, -0.046053876076, -0.083338933710, 0.014370243085,  -0.283208044560,
    0.227191600448, -0.319041655624, 0.493719982119,  -0.373672436097, 0.597490684018,
    0.221525494011, -0.051807525891, -0.082033004090, 0.017533809075,  -0.290788356027,
    0.239062261284, -0.335004731305, 0.513509300118,  -0.396958024116, 0.623884272034};
// The same of the first 1, 2, 5 and 20 particles of the first jet.
const std::vector<double> golden_short_jets{
    0.225834290409, -0.047903337528, -0.094085077749, 0.037532808581,  -0.318400812799,
    0.273827757947, -0.376343578817, 0.560732203652,  -0.449277576547, 0.680428083371,
    0.251874936682, -0.065639889342, -0.084948364328, 0.037148281518,  -0.326774883800,
    0.290820795547, -0.401672236633, 0.593974144976,  -0.489878516499, 0.727711031189,
    0.364482315174, -0.176601597192, 0.022517468151,  -0.065029762010, -0.231588372820,
    0.204212982058, -0.325087242116, 0.528688967792,  -0.436981738879, 0.688084667928,
    0.304225076440, -0.125032136850, -0.019504331040, -0.033256306510, -0.252583685667,
    0.214080070878, -0.323661580473, 0.515994327543,  -0.413229793797, 0.653671464199};
// The same of the third jet, which fills all slots, in training mode without dropout.
const std::vector<double> golden_training{
    0.221332825300, -0.062736295365, -0.060165025609, -0.014908745982, -0.248312180099,
    0.187260723423, -0.274741583990, 0.445789386932,  -0.322910524720, 0.544743873925};

std::unique_ptr<Network> golden_network(const ParticleNeXtConfig& config, at::ScalarType type) {
  auto network = make_particlenext(config);
  network->to(at::kDouble);
  test::set_golden_parameters(*network);
  network->to(type);
  network->eval();
  return network;
}

double largest_difference(const at::Tensor& a, const at::Tensor& b) {
  return (a.to(at::kDouble) - b.to(at::kDouble)).abs().max().item<double>();
}

/// The first `n` particles of a golden jet.
State first_particles(std::int64_t n, at::ScalarType type, std::int64_t of_jet = 0) {
  const State all = test::golden_batch(type).select(std::vector<std::int64_t>{of_jet});
  State jet{nn::Ragged(std::vector<std::int64_t>{0, n})};
  for (const char* name : {"features", "points", "vectors"}) {
    jet.set(name, Axis::particle, all.get(name).narrow(0, 0, n));
  }
  return jet;
}

State short_jets(at::ScalarType type) {
  return State::concat(std::vector<State>{first_particles(1, type), first_particles(2, type),
                                          first_particles(5, type), first_particles(20, type)});
}

TEST_CASE("ParticleNeXt reproduces the reference's logits") {
  const at::NoGradGuard no_grad;
  const bool few = GENERATE(false, true);
  const at::Tensor expected =
      at::tensor(few ? golden_short_jets : golden_logits, at::kDouble).view({-1, 10});
  const auto logits = [&](at::ScalarType type, bool prepare = false, nn::Context context = {}) {
    const auto network = golden_network({}, type);
    if (prepare) {
      network->prepare();
    }
    const State batch = few ? short_jets(type) : test::golden_batch(type);
    return test::all_exits(*network, batch, std::move(context)).back();
  };
  CHECK(largest_difference(logits(at::kDouble), expected) < 1e-9);
  CHECK(largest_difference(logits(at::kFloat), expected) < 2e-5);
  CHECK(largest_difference(logits(at::kFloat, /*prepare=*/true), expected) < 2e-5);
  nn::Context fixed;
  fixed.deterministic = true;
  CHECK(largest_difference(logits(at::kFloat, false, fixed), expected) < 2e-5);
  const at::AutoGradMode grad(true);
  CHECK(largest_difference(logits(at::kDouble).detach(), expected) < 1e-9);
}

TEST_CASE("ParticleNeXt in training normalises as the reference where nothing is padded") {
  const auto network = golden_network({.dropout = 0.0}, at::kDouble);
  network->train();
  const nn::Context context{.training = true, .jet_index = {0}};
  const State jet = first_particles(128, at::kDouble, 2);
  CHECK(largest_difference(test::all_exits(*network, jet, context).back().detach()[0],
                           at::tensor(golden_training, at::kDouble)) < 1e-9);
}

TEST_CASE("ParticleNeXt's size and cost are the reference's") {
  const auto network = make_particlenext({});
  const Cost pieces[] = {network->stem_cost(128), network->segment_cost(0, 128),
                         network->head_cost(0, 128)};
  std::int64_t counted = 0;
  for (const at::Tensor& parameter : network->parameters()) {
    counted += parameter.numel();
  }
  CHECK(counted == 553892);
  CHECK(state_dict(*network).size() == 194);
  CHECK(pieces[0].parameters + pieces[1].parameters + pieces[2].parameters == counted);
  CHECK(pieces[0].weaver_macs + pieces[1].weaver_macs + pieces[2].weaver_macs == 183014214);
}

TEST_CASE("weights of weaver-core load into ParticleNeXt by their names") {
  const auto network = make_particlenext({});
  test::set_golden_parameters(*network);
  StateDict weaver;
  for (const auto& [name, tensor] : state_dict(*network)) {
    weaver.emplace_back("mod." + name, tensor.detach().clone());
  }
  REQUIRE(weaver.size() == 194);
  for (const char* name :
       {"mod.node_encode.1.weight", "mod.edge_encode.0.running_var",
        "mod.layers.0.shortcut.0.weight", "mod.layers.2.node_encode.2.weight",
        "mod.layers.1.sa.3.2.weight", "mod.layers.2.node_se.fc.2.weight", "mod.layers.0.gamma",
        "mod.post.0.num_batches_tracked", "mod.sa.weight", "mod.fc.0.0.bias", "mod.fc.1.weight"}) {
    INFO(name);
    CHECK(std::any_of(weaver.begin(), weaver.end(),
                      [&](const auto& entry) { return entry.first == name; }));
  }
  const auto other = make_particlenext({.exits_after = {1}});
  load_state_dict(*other, weaver, "net.pt", /*without_exits=*/true);
  const at::NoGradGuard no_grad;
  other->eval();
  network->eval();
  const State batch = test::golden_batch(at::kFloat);
  CHECK(at::equal(test::all_exits(*other, batch).back(), test::all_exits(*network, batch).back()));
}

TEST_CASE("the layers of a new ParticleNeXt begin as shortcuts") {
  const auto network = make_particlenext({});
  const auto parameters = network->named_parameters();
  CHECK(at::equal(parameters["layers.2.gamma"], at::full({256, 1, 1}, 1e-5)));
}

TEST_CASE("impossible ParticleNeXt configurations are refused") {
  CHECK_THROWS_WITH(make_particlenext({.exits_after = {3}}), Catch::Contains("layers - 1 = 2"));
  CHECK_THROWS_WITH(make_particlenext({.layers = {}}), Catch::Contains("must not be empty"));
  CHECK_THROWS_WITH(make_particlenext({.slices = {8, 4}}), Catch::Contains("network.slices = 4"));
  CHECK_THROWS_WITH(make_particlenext({.slices = {200}}), Catch::Contains("1 and 128"));
  CHECK_THROWS_WITH(make_particlenext({.message = 33}), Catch::Contains("must be even"));
  CHECK_THROWS_WITH(make_particlenext({.edge_maps = 5}), Catch::Contains("must divide 64"));
  CHECK_THROWS_WITH(make_particlenext({.layers = {8}}), Catch::Contains("network.layers = 8"));
}

}  // namespace
}  // namespace eebench::model
