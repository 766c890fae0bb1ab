#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "eebench/bench/recorder.hpp"
#include "eebench/core/random.hpp"
#include "eebench/exits/replay.hpp"
#include "eebench/stats/auc_interval.hpp"
#include "eebench/stats/quantile.hpp"

namespace {

using namespace eebench;

constexpr std::int64_t classes = 10;
constexpr std::int64_t exits_of_network = 3;
constexpr std::size_t embedding_numbers = 128;

std::vector<float> random_logits(std::int64_t count) {
  const std::uint64_t key = random_key(1, Stream::weights, {});
  std::vector<float> logits;
  for (std::int64_t i = 0; i < count; ++i) {
    logits.push_back(static_cast<float>(6.0 * uniform(key, static_cast<std::uint64_t>(i))));
  }
  return logits;
}

std::vector<std::int64_t> labels_in_turn(std::int64_t jets) {
  std::vector<std::int64_t> labels;
  for (std::int64_t jet = 0; jet < jets; ++jet) {
    labels.push_back(jet % classes);
  }
  return labels;
}

void quantile(benchmark::State& state) {
  const std::vector<float> logits = random_logits(state.range(0));
  const std::vector<double> samples(logits.begin(), logits.end());
  for (auto _ : state) {
    benchmark::DoNotOptimize(stats::nearest_rank(samples, 0.99));
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(quantile)->Arg(662)->Arg(65536);

void auc_interval(benchmark::State& state) {
  const std::vector<float> logits = random_logits(state.range(0) * classes);
  const std::vector<std::int64_t> labels = labels_in_turn(state.range(0));
  for (auto _ : state) {
    benchmark::DoNotOptimize(stats::macro_auc_interval({logits, labels, classes}, 1, 200));
  }
}
BENCHMARK(auc_interval)->Arg(2000)->Unit(benchmark::kMillisecond);

/// Score and comparison of every jet of a batch at the second exit.
void exit_decision(benchmark::State& state, const char* text) {
  const std::int64_t said = 2 * classes;
  const std::vector<float> logits = random_logits(state.range(0) * said);
  const auto gate = [](std::size_t features, std::size_t answers) {
    return exits::pack(
        exits::Gate{std::vector<double>(features), std::vector<double>(features, 1.0),
                    std::vector<double>(features, 0.1), 0.0, std::vector<double>(answers)});
  };
  const exits::Prototypes prototypes{std::vector<double>(classes * embedding_numbers, 0.1),
                                     std::vector<double>(classes, 1.0)};
  const exits::Fits fits{.numbers = {{"learned", {2, gate(7, classes)}},
                                     {"jei", {2, gate(4, 0)}},
                                     {"lte", {2, gate(embedding_numbers, 0)}},
                                     {"prototype", {2, exits::pack(prototypes)}}}};
  const std::vector<float> embedding = random_logits(embedding_numbers);
  const std::vector<std::string> names(static_cast<std::size_t>(classes), "class");
  const exits::Rule rule = exits::make_rule(text, fits, exits_of_network, names);
  for (auto _ : state) {
    std::int64_t leaving = 0;
    for (std::int64_t jet = 0; jet < state.range(0); ++jet) {
      const auto rows = std::span<const float>(logits).subspan(static_cast<std::size_t>(jet * said),
                                                               static_cast<std::size_t>(said));
      leaving +=
          exits::leaves(exits::score(rule, {rows, classes, 40, 500.0F, embedding}), 0.5) ? 1 : 0;
    }
    benchmark::DoNotOptimize(leaving);
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK_CAPTURE(exit_decision, confidence, "confidence")->Arg(512);
BENCHMARK_CAPTURE(exit_decision, entropy, "entropy")->Arg(512);
BENCHMARK_CAPTURE(exit_decision, margin, "margin")->Arg(512);
BENCHMARK_CAPTURE(exit_decision, learned, "learned")->Arg(512);
BENCHMARK_CAPTURE(exit_decision, prototype, "prototype")->Arg(512);
BENCHMARK_CAPTURE(exit_decision, lte, "lte")->Arg(512);
BENCHMARK_CAPTURE(exit_decision, jei, "jei")->Arg(512);
BENCHMARK_CAPTURE(exit_decision, patience, "patience")->Arg(512);
BENCHMARK_CAPTURE(exit_decision, comparator, "comparator")->Arg(512);
BENCHMARK_CAPTURE(exit_decision, formula, "p_max*(patience>=1)")->Arg(512);

void replay(benchmark::State& state) {
  const std::int64_t jets = state.range(0);
  const std::vector<float> logits = random_logits(jets * exits_of_network * classes);
  const std::vector<std::int64_t> labels = labels_in_turn(jets);
  const std::vector<std::int64_t> multiplicity(static_cast<std::size_t>(jets), 40);
  const std::vector<float> jet_pt(static_cast<std::size_t>(jets), 500.0F);
  const std::vector<double> cost(static_cast<std::size_t>(jets * exits_of_network), 1.0);
  const exits::Decisions decisions =
      exits::decide({}, {logits, labels, multiplicity, jet_pt, cost, exits_of_network, classes});
  const std::vector<double> thresholds = {0.5, 0.5};
  for (auto _ : state) {
    benchmark::DoNotOptimize(exits::replay(decisions, thresholds));
  }
  state.SetItemsProcessed(state.iterations() * jets);
}
BENCHMARK(replay)->Arg(10000);

/// One point of a campaign into a task file, flushes and journal included every `flush` points.
void result_write(benchmark::State& state) {
  bench::Layout layout;
  bench::Point point;
  point.rule = "full";
  point.exits = exits_of_network;
  point.fixed_exit = exits_of_network - 1;
  point.id = "0123456789abcdef";
  layout.points = {point};
  layout.exits = exits_of_network;
  layout.rules = bench::rule_names(layout.points);
  layout.models = {"model"};
  layout.classes.assign(static_cast<std::size_t>(classes), "class");
  layout.hosts = {"host"};
  layout.samples = 256;
  std::string name = (std::filesystem::temp_directory_path() / "eebench-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) {
    state.SkipWithError("no temporary directory");
    return;
  }
  {
    bench::Recorder recorder({}, name, layout, {}, false);
    const bench::Values values = {{"accuracy", {0.8}},
                                  {"sample_time", std::vector<double>(256, 0.01)}};
    std::int64_t written = 0;
    for (auto _ : state) {
      recorder.add_ok(point, values, 0.0);
      if (++written % state.range(0) == 0) {
        recorder.sync();
      }
    }
    recorder.finish();
  }
  std::filesystem::remove_all(name);
}
BENCHMARK(result_write)->ArgName("flush")->Arg(1)->Arg(100)->Unit(benchmark::kMicrosecond);

}  // namespace
