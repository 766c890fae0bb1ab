#include <algorithm>
#include <cmath>

#include <ATen/ATen.h>
#include <catch2/catch.hpp>

#include "eebench/core/error.hpp"
#include "eebench/exec/executor.hpp"
#include "eebench/model/part/part.hpp"
#include "tests/exec/small_networks.hpp"

namespace eebench::exec {
namespace {

using test::executor;
using test::part_of;
using test::some_jets;

const exits::Rule rule = exits::make_rule("margin", {}, 3, {});

TEST_CASE("run and replay agree on every jet in deterministic mode, at any batch size") {
  const std::string kind = GENERATE("part", "particlenet");
  const auto exec = executor(kind, true);
  const data::JetBatch jets = some_jets(192);
  const test::Said said(jets, exec->replay(jets));
  const std::vector<float>& replayed = said.said.logits;
  const exits::Rule chosen = said.rule(GENERATE("margin", "learned", "prototype", "lte", "jei"));
  const std::vector<float> scores_of_all = exits::decide(chosen, said.answers()).scores;
  const auto score_of = [&](std::size_t jet, std::size_t exit) {
    return scores_of_all[jet * 2 + exit];
  };
  // The median score of each early exit as its threshold, so that every exit is taken.
  std::vector<double> thresholds;
  for (std::size_t exit = 0; exit < 2; ++exit) {
    std::vector<float> scores;
    for (std::size_t jet = 0; jet < jets.size(); ++jet) {
      scores.push_back(score_of(jet, exit));
    }
    std::nth_element(scores.begin(), scores.begin() + 96, scores.end());
    thresholds.push_back(scores[96]);
  }
  const std::size_t size = GENERATE(1U, 7U, 64U, 192U);
  nn::Work formula;
  nn::Work counted;
  std::vector<std::int64_t> taken(3, 0);
  for (std::size_t first = 0; first < jets.size(); first += size) {
    const std::size_t last = std::min(first + size, jets.size());
    const BatchTrace trace = exec->run(part_of(jets, first, last), chosen, thresholds);
    counted += trace.work;
    for (std::size_t jet = first; jet < last; ++jet) {
      std::size_t exit = 0;
      while (exit < 2 && !exits::leaves(score_of(jet, exit), thresholds[exit])) {
        ++exit;
      }
      REQUIRE(trace.exit_index[jet - first] == static_cast<std::int32_t>(exit));
      ++taken[exit];
      for (std::size_t c = 0; c < 10; ++c) {
        REQUIRE(trace.logits[(jet - first) * 10 + c] == replayed[(jet * 3 + exit) * 10 + c]);
      }
      formula += exec->cost(static_cast<std::int64_t>(exit),
                            static_cast<std::int64_t>(jets.multiplicity(jet)))
                     .work;
    }
  }
  CHECK(taken[0] > 0);
  CHECK(taken[2] > 0);
  // Work is really skipped: what the operations counted is what the exits taken cost, no more.
  CHECK(counted.multiply_adds == formula.multiply_adds);
}

TEST_CASE("thresholds at the ends: all leave at once, or nobody early") {
  const auto exec = executor("part", false);
  const data::JetBatch jets = some_jets(20);
  const BatchTrace all = exec->run(jets, rule, std::vector<double>{0.0, 0.0});
  CHECK(all.survivors == std::vector<std::int64_t>{20, 0, 0});
  CHECK(std::isnan(all.answer_seconds[2]));
  CHECK(all.segment_seconds[0] > 0.0);
  CHECK(all.head_seconds[0] > 0.0);
  CHECK(std::isnan(all.segment_seconds[1]));
  CHECK(std::isnan(all.head_seconds[1]));
  const BatchTrace none = exec->run(jets, rule, std::vector<double>{2.0, 2.0});
  CHECK(none.survivors == std::vector<std::int64_t>{20, 20, 20});
  CHECK(none.exit_index == std::vector<std::int32_t>(20, 2));
  CHECK_THROWS_WITH(exec->run(jets, rule, std::vector<double>{0.5}),
                    Catch::Contains("1 thresholds for a network with 2 early exits"));
}

TEST_CASE("a fixed exit costs its own head alone") {
  const auto exec = executor("particlenet", false);
  const data::JetBatch jets = some_jets(30);
  for (std::int64_t exit = 0; exit < 3; ++exit) {
    const BatchTrace trace = exec->run_fixed(jets, exit);
    nn::Work formula;
    for (std::size_t jet = 0; jet < jets.size(); ++jet) {
      formula += exec->plain_cost(exit, static_cast<std::int64_t>(jets.multiplicity(jet))).work;
    }
    CHECK(trace.work.multiply_adds == formula.multiply_adds);
    for (std::int64_t k = 0; k < 3; ++k) {
      const auto at = static_cast<std::size_t>(k);
      CHECK(std::isnan(trace.segment_seconds[at]) == (k > exit));
      CHECK(std::isnan(trace.head_seconds[at]) == (k != exit));
    }
    CHECK(trace.exit_index == std::vector<std::int32_t>(30, static_cast<std::int32_t>(exit)));
  }
  CHECK_THROWS_WITH(exec->run_fixed(jets, 3), Catch::Contains("exit 3 of a network with 3 exits"));
}

std::int64_t sum_over_jets(const data::JetBatch& jets, std::int64_t power) {
  std::int64_t sum = 0;
  for (std::size_t jet = 0; jet < jets.size(); ++jet) {
    const auto n = static_cast<std::int64_t>(jets.multiplicity(jet));
    sum += power == 2 ? n * n : n;
  }
  return sum;
}

TEST_CASE("the peak memory of a batch holds its largest tensors and grows with the batch") {
  constexpr std::int64_t width = sizeof(float);
  const data::JetBatch many = some_jets(80);
  const data::JetBatch few = part_of(many, 0, 20);
  const std::string kind = GENERATE("part", "particlenet");
  const auto exec = executor(kind, false);
  // ParT keeps the biases of 4 heads for all pairs and 32 channels a particle; ParticleNet the 48
  // channels of two blocks for its second head.
  const auto largest = [&](const data::JetBatch& jets) {
    return kind == "part" ? width * (4 * sum_over_jets(jets, 2) + 32 * sum_over_jets(jets, 1))
                          : width * 48 * sum_over_jets(jets, 1);
  };
  const BatchTrace small = exec->run_fixed(few, 2);
  const BatchTrace large = exec->run_fixed(many, 2);
  CHECK(small.peak_bytes >= largest(few));
  CHECK(large.peak_bytes >= largest(many));
  CHECK(large.peak_bytes < 8 * largest(many));
  CHECK(large.peak_bytes > 2 * small.peak_bytes);
  CHECK(exec->run_fixed(many, 2).peak_bytes == large.peak_bytes);
}

TEST_CASE("segments behind an early exit hold less memory when jets have left") {
  const std::string kind = GENERATE("part", "particlenet");
  const auto exec = executor(kind, false);
  const data::JetBatch jets = test::jets_of(std::vector<std::int64_t>(60, 40));
  const BatchTrace none = exec->run(jets, rule, std::vector<double>{2.0, 2.0});
  const std::vector<float> logits = exec->replay(jets).logits;
  std::vector<float> scores;
  for (std::size_t jet = 0; jet < jets.size(); ++jet) {
    scores.push_back(exits::score(rule, {std::span(logits).subspan(jet * 30, 10), 10, 1, 0.0F}));
  }
  std::nth_element(scores.begin(), scores.begin() + 15, scores.end());
  const BatchTrace most = exec->run(jets, rule, std::vector<double>{scores[15], 2.0});
  REQUIRE(most.survivors[1] > 0);
  REQUIRE(most.survivors[1] < 20);
  for (std::size_t k = 1; k < 3; ++k) {
    CHECK(most.segment_peak_bytes[k] < none.segment_peak_bytes[k] / 2);
    CHECK(most.head_peak_bytes[k] < none.head_peak_bytes[k] / 2);
  }
  CHECK(most.segment_peak_bytes[0] == none.segment_peak_bytes[0]);
  CHECK(none.peak_bytes >= none.segment_peak_bytes[2]);
  const BatchTrace all = exec->run(jets, rule, std::vector<double>{0.0, 0.0});
  CHECK(all.segment_peak_bytes[1] == 0);
  CHECK(all.peak_bytes <= none.peak_bytes);
}

TEST_CASE("without leaving, answers and exits are the same, at the cost of the whole network") {
  const std::string kind = GENERATE("part", "particlenet");
  const auto exec = executor(kind, true);
  const data::JetBatch jets = test::jets_of(std::vector<std::int64_t>(40, 12));
  const std::vector<float> logits = exec->replay(jets).logits;
  std::vector<float> scores;
  for (std::size_t jet = 0; jet < jets.size(); ++jet) {
    scores.push_back(exits::score(rule, {std::span(logits).subspan(jet * 30, 10), 10, 1, 0.0F}));
  }
  std::nth_element(scores.begin(), scores.begin() + 20, scores.end());
  const std::vector<double> thresholds = {scores[20], 2.0};
  const BatchTrace left = exec->run(jets, rule, thresholds);
  const BatchTrace whole = exec->run_whole(jets, rule, thresholds);
  REQUIRE(left.survivors[1] > 0);
  REQUIRE(left.survivors[1] < 40);
  CHECK(whole.exit_index == left.exit_index);
  CHECK(whole.logits == left.logits);
  CHECK(whole.survivors == std::vector<std::int64_t>{40, 40, 40});
  CHECK(whole.work.multiply_adds == 40 * exec->cost(2, 12).work.multiply_adds);
  CHECK(whole.answer_seconds[0] == whole.seconds);
  CHECK(std::isnan(whole.answer_seconds[1]));
  CHECK(whole.answer_seconds[2] == whole.seconds);
}

TEST_CASE("a GPU that is not there is an error of the environment") {
  if (!at::hasCUDA()) {
    CHECK_THROWS_AS(make_executor(model::make_part({}), {.device = "cuda"}), EnvironmentError);
  }
  CHECK_THROWS_AS(make_executor(model::make_part({}), {.device = "abacus"}), InputError);
}

}  // namespace
}  // namespace eebench::exec
