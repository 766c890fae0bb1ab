#include <algorithm>
#include <numeric>

#include <catch2/catch.hpp>

#include "tests/exec/small_networks.hpp"

namespace eebench::exec {
namespace {

const exits::Rule rule = exits::make_rule("margin", {}, 3, {});

/// Exit [jets] that the replayed logits [jets, 3, 10] ask for, and its logits [jets, 10].
struct Replayed {
  std::vector<std::int32_t> exit_index;
  std::vector<float> logits;
};

Replayed decide(std::span<const float> logits, std::span<const double> thresholds) {
  Replayed result;
  for (std::size_t first = 0; first < logits.size(); first += 30) {
    std::size_t exit = 0;
    while (exit < 2 &&
           !exits::leaves(exits::score(rule, {logits.subspan(first, 10 * (exit + 1)), 10, 1, 0.0F}),
                          thresholds[exit])) {
      ++exit;
    }
    result.exit_index.push_back(static_cast<std::int32_t>(exit));
    const auto row = logits.subspan(first + 10 * exit, 10);
    result.logits.insert(result.logits.end(), row.begin(), row.end());
  }
  return result;
}

/// Thresholds [2] at which about a third of the jets leaves at each exit.
std::vector<double> thresholds_for_thirds(std::span<const float> logits) {
  std::vector<double> thresholds;
  std::vector<std::size_t> jets(logits.size() / 30);
  std::iota(jets.begin(), jets.end(), 0);
  for (std::size_t exit = 0; exit < 2; ++exit) {
    const auto score_of = [&](std::size_t jet) {
      return exits::score(rule, {logits.subspan(30 * jet, 10 * (exit + 1)), 10, 1, 0.0F});
    };
    std::sort(jets.begin(), jets.end(),
              [&](std::size_t a, std::size_t b) { return score_of(a) > score_of(b); });
    const std::size_t leaving = jets.size() / (3 - exit);
    thresholds.push_back(score_of(jets[leaving]));
    jets.erase(jets.begin(), jets.begin() + static_cast<std::ptrdiff_t>(leaving));
  }
  return thresholds;
}

TEST_CASE("a batch of 512 jets leaves as replayed, bit for bit, in deterministic mode") {
  const auto network = test::executor(GENERATE("part", "particlenet"), true);
  const data::JetBatch jets = test::some_jets(512);
  std::vector<float> replayed;
  for (std::size_t first = 0; first < 512; first += 64) {
    const std::vector<float> part = network->replay(test::part_of(jets, first, first + 64)).logits;
    replayed.insert(replayed.end(), part.begin(), part.end());
  }
  const std::vector<double> thresholds = thresholds_for_thirds(replayed);
  const Replayed expected = decide(replayed, thresholds);
  for (std::int32_t exit = 0; exit < 3; ++exit) {
    CHECK(std::count(expected.exit_index.begin(), expected.exit_index.end(), exit) > 100);
  }
  const BatchTrace trace = network->run(jets, rule, thresholds);
  CHECK(trace.exit_index == expected.exit_index);
  CHECK(trace.logits == expected.logits);
}

TEST_CASE("on a CPU the fast kernels are the fixed-order ones: the mode changes no bit") {
  const std::string kind = GENERATE("part", "particlenet");
  const auto fast = test::executor(kind, false);
  const data::JetBatch jets = test::some_jets(128);
  const std::vector<float> replayed = fast->replay(jets).logits;
  CHECK(test::executor(kind, true)->replay(jets).logits == replayed);
  const std::vector<double> thresholds = thresholds_for_thirds(replayed);
  const Replayed expected = decide(replayed, thresholds);
  for (std::size_t first = 0; first < 128; first += 32) {
    const BatchTrace trace = fast->run(test::part_of(jets, first, first + 32), rule, thresholds);
    const auto row = expected.exit_index.begin() + static_cast<std::ptrdiff_t>(first);
    CHECK(std::equal(trace.exit_index.begin(), trace.exit_index.end(), row));
    CHECK(std::equal(trace.logits.begin(), trace.logits.end(), &expected.logits[10 * first]));
  }
}

TEST_CASE("a network cut at an exit answers as that exit does in a replay") {
  const auto network = test::executor(GENERATE("part", "particlenet"), true);
  const data::JetBatch jets = test::some_jets(40);
  const std::vector<float> replayed = network->replay(jets).logits;
  for (std::size_t exit = 0; exit < 3; ++exit) {
    const BatchTrace trace = network->run_fixed(jets, static_cast<std::int64_t>(exit));
    for (std::size_t jet = 0; jet < 40; ++jet) {
      for (std::size_t c = 0; c < 10; ++c) {
        REQUIRE(trace.logits[jet * 10 + c] == replayed[(jet * 3 + exit) * 10 + c]);
      }
    }
  }
}

TEST_CASE("one long jet among short ones costs what its constituents cost") {
  const auto network = test::executor(GENERATE("part", "particlenet"), GENERATE(false, true));
  const std::vector<std::int64_t> short_ones(63, 20);
  std::vector<std::int64_t> all = short_ones;
  all.insert(all.begin() + 31, 128);
  const std::vector<std::int64_t> long_one{128};
  const BatchTrace mixed = network->run_fixed(test::jets_of(all), 2);

  std::int64_t multiply_adds = 0;
  for (const std::int64_t n : all) {
    multiply_adds += network->plain_cost(2, n).work.multiply_adds;
  }
  CHECK(mixed.work.multiply_adds == multiply_adds);

  // Apart, the two kinds of jets need as much memory as together; padded to the longest, the mixed
  // batch would need as much as 64 long jets.
  const std::int64_t apart = network->run_fixed(test::jets_of(short_ones), 2).peak_bytes +
                             network->run_fixed(test::jets_of(long_one), 2).peak_bytes;
  const std::vector<std::int64_t> padded(64, 128);
  CHECK(static_cast<double>(mixed.peak_bytes) <= 1.05 * static_cast<double>(apart));
  CHECK(5 * mixed.peak_bytes < network->run_fixed(test::jets_of(padded), 2).peak_bytes);
}

}  // namespace
}  // namespace eebench::exec
