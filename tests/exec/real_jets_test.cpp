#include <algorithm>
#include <cmath>

#include <catch2/catch.hpp>

#include "eebench/data/jet_source.hpp"
#include "eebench/exec/executor.hpp"
#include "eebench/model/registry.hpp"
#include "eebench/model/weights.hpp"
#include "tests/exec/small_networks.hpp"
#include "tests/support/paths.hpp"

namespace eebench::exec {
namespace {

struct Shipped {
  std::unique_ptr<Executor> executor;
  data::DataConfig features;
};

Shipped shipped(const std::string& name) {
  const model::Weights weights =
      model::read_weights(test::source_dir() / "suites" / "assets" / (name + ".h5"));
  const model::ModelConfig config = model::parse_model_config(weights.config, name);
  auto features =
      data::DataConfig::load(test::source_dir() / "configs" / "data" / (config.features + ".yaml"));
  auto network = model::make_network(config, static_cast<std::int64_t>(features.features.size()));
  model::load_state_dict(*network, weights.tensors, name);
  return {make_executor(std::move(network), {.deterministic = true}), std::move(features)};
}

TEST_CASE("shipped networks leave as replayed on real jets, bit for bit, at any batch size") {
  const auto [name, text] = GENERATE(table<std::string, std::string>(
      {{"particlenet", "confidence"},
       {"part-small", "confidence"},
       {"particlenet-lite", "confidence"},
       {"particlenet-lite", "patience"},
       {"part-small", "p_max * (patience >= 1)"},
       {"part-small", "prototype"},
       {"particlenet", "lte"},
       {"particlenet-lite", "jei"},
       {"particlenet-lite", "vote * margin - 0.002 * exit * multiplicity + 0.0001 * jet_pt"}}));
  const Shipped network = shipped(name);
  Executor& executor = *network.executor;
  const data::JetSource source(test::data("jets_test_250.h5"), network.features);
  const auto jets = static_cast<std::size_t>(source.jets());
  const auto exits = static_cast<std::size_t>(executor.exits());
  const auto classes = static_cast<std::size_t>(executor.classes());
  const data::JetBatch all = source.read(0, source.jets());
  const test::Said said(all, executor.replay(all));
  const std::vector<float>& replayed = said.said.logits;
  const exits::Rule rule = said.rule(text);
  const std::vector<float> all_scores = exits::decide(rule, said.answers()).scores;
  const auto logits_of = [&](std::size_t jet, std::size_t exit) {
    return std::span(replayed).subspan((jet * exits + exit) * classes, classes);
  };
  const auto score_of = [&](std::size_t jet, std::size_t exit) {
    return all_scores[jet * (exits - 1) + exit];
  };
  // The median of each exit; where that is the lowest score, as for patience, the next, or never
  // where all jets have the same.
  std::vector<double> thresholds;
  for (std::size_t exit = 0; exit + 1 < exits; ++exit) {
    std::vector<float> scores;
    for (std::size_t jet = 0; jet < jets; ++jet) {
      scores.push_back(score_of(jet, exit));
    }
    std::sort(scores.begin(), scores.end());
    const auto above_lowest = std::upper_bound(scores.begin(), scores.end(), scores[0]);
    thresholds.push_back(above_lowest == scores.end() ? exits::never_leave
                                                      : std::max(scores[jets / 2], *above_lowest));
  }
  // 512 jets: all of them and then those from the first on again.
  data::JetBatch many = all;
  data::append(many, all);
  data::append(many, source.read(0, 512 - 2 * source.jets()));

  std::vector<std::int64_t> taken(exits, 0);
  const auto compare = [&](const data::JetBatch& batch, std::size_t first) {
    const BatchTrace trace = executor.run(batch, rule, thresholds);
    for (std::size_t row = 0; row < batch.size(); ++row) {
      const std::size_t jet = (first + row) % jets;
      std::size_t exit = 0;
      while (exit + 1 < exits && !exits::leaves(score_of(jet, exit), thresholds[exit])) {
        ++exit;
      }
      REQUIRE(trace.exit_index[row] == static_cast<std::int32_t>(exit));
      const auto expected = logits_of(jet, exit);
      REQUIRE(std::equal(expected.begin(), expected.end(), &trace.logits[row * classes]));
      ++taken[exit];
    }
  };
  for (const std::int64_t size : {1, 7, 64}) {
    for (std::int64_t first = 0; first < source.jets(); first += size) {
      compare(source.read(first, std::min(first + size, source.jets())),
              static_cast<std::size_t>(first));
    }
  }
  REQUIRE(many.size() == 512);
  compare(many, 0);
  CHECK((taken[0] > 0) == std::isfinite(thresholds[0]));
  CHECK(std::all_of(taken.begin() + 1, taken.end(), [](std::int64_t n) { return n > 0; }));
}

TEST_CASE("on real jets the comparator at -1/t takes the exits of confidence at t") {
  const Shipped network = shipped("particlenet");
  const data::JetSource source(test::data("jets_test_250.h5"), network.features);
  const data::JetBatch all = source.read(0, source.jets());
  const exits::Rule confidence = exits::make_rule("confidence", {}, 3, {});
  const exits::Rule comparator = exits::make_rule("comparator", {}, 3, {});
  for (const double t : {0.5, 0.7, 0.9, 0.99}) {
    const std::vector<double> confidences = {t, t};
    const std::vector<double> sums = {-1.0 / t, -1.0 / t};
    const BatchTrace expected = network.executor->run(all, confidence, confidences);
    CHECK(network.executor->run(all, comparator, sums).exit_index == expected.exit_index);
    for (std::int32_t exit = 0; exit < 3; ++exit) {
      CHECK(std::count(expected.exit_index.begin(), expected.exit_index.end(), exit) > 0);
    }
  }
}

}  // namespace
}  // namespace eebench::exec
