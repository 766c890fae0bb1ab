// What every network on particles must keep, whatever its layers.

#include <functional>
#include <numeric>
#include <string>
#include <vector>

#include <ATen/ATen.h>
#include <catch2/catch.hpp>

#include "eebench/model/pcnn/pcnn.hpp"
#include "tests/model/golden.hpp"
#include "tests/model/small_networks.hpp"

namespace eebench::model {
namespace {

/// A small network with three exits.
struct Kind {
  std::string name;
  std::function<std::unique_ptr<Network>(double dropout)> make;
  std::vector<std::string> weights;  ///< whose gradients are compared with differences
  bool drops = true;
  bool ordered = false;  ///< the order of particles matters to it
};

const std::vector<Kind>& kinds() {
  static const std::vector<Kind> all{
      {"part, pooled heads",
       [](double dropout) { return test::small_part("pooled", dropout); },
       {"blocks.1.fc1.weight"}},
      {"part, class attention",
       [](double dropout) { return test::small_part("class_attention", dropout); },
       {"pair_embed.embed.1.weight"}},
      {"particlenet",
       test::small_particlenet,
       {"edge_convs.0.convs.1.weight", "edge_convs.2.sc.weight"}},
      {"particlenext",
       test::small_particlenext,
       {"edge_encode.1.weight", "layers.0.edge_mlp.2.weight", "layers.1.sa.1.2.weight",
        "layers.1.edge_se.fc.0.weight", "sa.weight"}},
      {"pfn",
       [](double) { return test::small_pfn(); },
       {"phi.0.0.weight"},
       /*drops=*/false},
      {"p-cnn",
       [](double dropout) {
         return make_pcnn({.first = 6,
                           .stages = {{8}, {8, 12}},
                           .fc = 16,
                           .dropout = dropout,
                           .exits_after = {1, 2},
                           .exit_width = 8});
       },
       {"fts_conv.1.weight", "resnet_units.resnet_unit_1.0.conv_sc.weight",
        "resnet_units.resnet_unit_1.1.conv2.weight"},
       /*drops=*/true,
       /*ordered=*/true}};
  return all;
}

std::unique_ptr<Network> golden(const Kind& kind, at::ScalarType type, double dropout = 0.1) {
  auto network = kind.make(dropout);
  network->to(at::kDouble);
  test::set_golden_parameters(*network);
  network->to(type);
  network->eval();
  return network;
}

/// The first `n` particles of the third golden jet.
State first_particles(std::int64_t n, at::ScalarType type) {
  const State all = test::golden_batch(type).select(std::vector<std::int64_t>{2});
  State jet{nn::Ragged({0, n})};
  for (const char* name : {"features", "points", "vectors"}) {
    jet.set(name, Axis::particle, all.get(name).narrow(0, 0, n));
  }
  return jet;
}

/// Jets of 1, 2, 9, 17, 37, 90 and 128 particles.
State jets(at::ScalarType type) {
  return State::concat(std::vector<State>{first_particles(1, type), first_particles(2, type),
                                          first_particles(9, type), first_particles(17, type),
                                          test::golden_batch(type)});
}

std::vector<std::int64_t> numbers(const State& batch) {
  std::vector<std::int64_t> all(static_cast<std::size_t>(batch.size()));
  std::iota(all.begin(), all.end(), 0);
  return all;
}

TEST_CASE("the cost formulas of every piece equal the work that operations counted") {
  const at::NoGradGuard no_grad;
  const State batch = jets(at::kFloat);
  const bool prepare = GENERATE(false, true);
  nn::Context context{.deterministic = GENERATE(false, true)};
  for (const Kind& kind : kinds()) {
    INFO(kind.name << (prepare ? ", prepared" : ""));
    const auto network = golden(kind, at::kFloat);
    if (prepare) {
      network->prepare();
    }
    const auto expect = [&](const nn::WorkScope& scope, const auto& cost_of) {
      nn::Work formula;
      for (const std::int64_t jet : numbers(batch)) {
        formula += cost_of(batch.jets().multiplicity(jet)).work;
      }
      CHECK(scope.work().multiply_adds == formula.multiply_adds);
      CHECK(scope.work().elementwise == formula.elementwise);
      CHECK(scope.work().bytes == formula.bytes);
    };
    State state;
    {
      const nn::WorkScope scope;
      state = network->stem(batch, context);
      expect(scope, [&](std::int64_t n) { return network->stem_cost(n); });
    }
    for (std::int64_t k = 0; k < network->exits(); ++k) {
      INFO("exit " << k);
      {
        const nn::WorkScope scope;
        state = network->segment(k, state, context);
        expect(scope, [&](std::int64_t n) { return network->segment_cost(k, n); });
      }
      const nn::WorkScope scope;
      network->head(k, state, context);
      expect(scope, [&](std::int64_t n) { return network->head_cost(k, n); });
    }
  }
}

TEST_CASE("jets of a batch do not influence each other, bit for bit, short ones included") {
  const at::NoGradGuard no_grad;
  const State batch = jets(at::kFloat);
  const bool prepare = GENERATE(false, true);
  const nn::Context context{.deterministic = true};
  for (const Kind& kind : kinds()) {
    INFO(kind.name << (prepare ? ", prepared" : ""));
    const auto network = golden(kind, at::kFloat);
    if (prepare) {
      network->prepare();
    }
    const auto together = test::all_exits(*network, batch, context);
    for (const std::int64_t jet : numbers(batch)) {
      const auto alone = test::all_exits(*network, batch.select(std::vector{jet}), context);
      for (std::size_t k = 0; k < together.size(); ++k) {
        CHECK(at::isfinite(alone[k]).all().item<bool>());
        CHECK(at::equal(together[k][jet], alone[k][0]));
      }
    }
  }
}

TEST_CASE("jets that go on alone, packed into bytes on the way, give the answers of all together") {
  const at::NoGradGuard no_grad;
  const State batch = jets(at::kFloat);
  nn::Context context{.deterministic = true};
  for (const Kind& kind : kinds()) {
    INFO(kind.name);
    const auto network = golden(kind, at::kFloat);
    network->prepare();
    const auto whole = test::all_exits(*network, batch, context);
    State state = network->segment(0, network->stem(batch, context), context);
    state = State::unpack(state.select(std::vector<std::int64_t>{6, 1}).pack());
    state = network->segment(2, network->segment(1, state, context), context);
    const at::Tensor logits = network->head(2, state, context).logits;
    CHECK(at::equal(logits[0], whole[2][6]));
    CHECK(at::equal(logits[1], whole[2][1]));
  }
}

TEST_CASE("the order of jets never matters, that of their particles where the network says so") {
  const at::NoGradGuard no_grad;
  const State batch = test::golden_batch(at::kDouble);
  std::vector<State> turned;
  for (const std::int64_t jet : {2, 1, 0}) {
    State other = batch.select(std::vector<std::int64_t>{jet});
    for (const char* name : {"features", "points", "vectors"}) {
      other.set(name, Axis::particle, other.get(name).roll({7}, {0}));
    }
    turned.push_back(other);
  }
  for (const Kind& kind : kinds()) {
    INFO(kind.name);
    const auto network = golden(kind, at::kDouble);
    const auto before = test::all_exits(*network, batch);
    const auto jets_turned =
        test::all_exits(*network, batch.select(std::vector<std::int64_t>{2, 1, 0}));
    const auto particles_turned = test::all_exits(*network, State::concat(turned));
    for (std::size_t k = 0; k < before.size(); ++k) {
      CHECK(test::largest_difference(before[k], jets_turned[k].flip(0)) < 1e-10);
      const double moved = test::largest_difference(before[k], particles_turned[k].flip(0));
      CHECK((kind.ordered ? moved > 1e-6 : moved < 1e-10));
    }
  }
}

TEST_CASE("preparing a network changes rounding only, and is what runs from then on") {
  const at::NoGradGuard no_grad;
  const State batch = jets(at::kFloat);
  for (const Kind& kind : kinds()) {
    INFO(kind.name);
    const auto network = golden(kind, at::kFloat);
    const auto before = test::all_exits(*network, batch);
    network->prepare();
    const auto after = test::all_exits(*network, batch);
    for (std::size_t k = 0; k < before.size(); ++k) {
      CHECK(at::allclose(before[k], after[k], 1e-5, 1e-5));
    }
    network->named_parameters()[kind.weights.front()].zero_();
    CHECK(at::equal(test::all_exits(*network, batch).back(), after.back()));
  }
}

nn::Context training(std::vector<std::int64_t> jet_index) {
  return {.training = true, .seed = 5, .step = 2, .jet_index = std::move(jet_index)};
}

TEST_CASE("gradients reach every parameter and are those of differences") {
  const auto type = GENERATE(at::kFloat, at::kDouble);
  // Differences across the kink of a ReLU are no slopes; the golden jets stay clear of kinks.
  const State batch = type == at::kFloat ? jets(type) : test::golden_batch(type);
  for (const Kind& kind : kinds()) {
    const auto network = golden(kind, type);
    network->train();
    const auto loss = [&] {
      at::Tensor sum = at::zeros({}, type);
      for (const at::Tensor& logits : test::all_exits(*network, batch, training(numbers(batch)))) {
        sum = sum + logits.square().sum();
      }
      return sum;
    };
    loss().backward();
    for (const auto& parameter : network->named_parameters()) {
      INFO(kind.name << ": " << parameter.key());
      REQUIRE(parameter.value().grad().defined());
      CHECK(at::isfinite(parameter.value().grad()).all().item<bool>());
      CHECK(parameter.value().grad().abs().max().item<double>() > 0.0);
    }
    if (type == at::kFloat) {
      continue;
    }
    const at::NoGradGuard no_grad;
    for (const std::string& name : kind.weights) {
      const at::Tensor weight = network->named_parameters()[name];
      const double slope = weight.grad().view({-1})[3].item<double>();
      constexpr double step = 1e-6;
      weight.view({-1})[3] += step;
      const double above = loss().item<double>();
      weight.view({-1})[3] -= 2 * step;
      const double below = loss().item<double>();
      weight.view({-1})[3] += step;
      INFO(kind.name << ": " << name);
      CHECK(slope == Approx((above - below) / (2 * step)).epsilon(1e-4).margin(1e-7));
    }
  }
}

TEST_CASE("dropout goes with the jet and the step, not with the place in the batch") {
  const at::NoGradGuard no_grad;
  const State batch = test::golden_batch(at::kDouble);
  for (const Kind& kind : kinds()) {
    if (!kind.drops) {
      continue;
    }
    INFO(kind.name);
    const auto network = golden(kind, at::kDouble, 0.5);
    const auto still = test::all_exits(*network, batch);
    const auto frozen = test::all_exits(*network, batch, training({4, 5, 6}));
    network->train();
    const auto before = test::all_exits(*network, batch, training({4, 5, 6}));
    const auto turned = test::all_exits(*network, batch.select(std::vector<std::int64_t>{2, 0, 1}),
                                        training({6, 4, 5}));
    const auto others = test::all_exits(*network, batch, training({7, 8, 9}));
    for (std::size_t k = 0; k < before.size(); ++k) {
      CHECK(test::largest_difference(before[k][2], turned[k][0]) < 1e-10);
      CHECK(test::largest_difference(before[k][0], turned[k][1]) < 1e-10);
      CHECK(test::largest_difference(before[k], others[k]) > 1e-3);
      // What is frozen is in evaluation mode while others train.
      CHECK(test::largest_difference(frozen[k], still[k]) < 1e-12);
    }
  }
}

}  // namespace
}  // namespace eebench::model
