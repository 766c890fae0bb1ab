#include "eebench/exits/fit.hpp"

#include <cmath>
#include <vector>

#include <catch2/catch.hpp>

#include "eebench/core/error.hpp"
#include "eebench/core/random.hpp"

using namespace eebench;
using namespace eebench::exits;

namespace {

/// Answers of two exits and two classes; the first says the same of every jet, with a loss of 0.31
/// for class 0 and 1.31 for class 1, the second that it does not know, which is 0.69.
struct Sample {
  std::vector<float> logits;
  std::vector<std::int64_t> labels;
  std::vector<std::int64_t> multiplicity;
  std::vector<float> jet_pt;
  std::vector<double> cost;
  std::vector<std::vector<float>> embeddings;

  Sample(std::size_t zeros, std::size_t ones)
      : multiplicity(zeros + ones, 30), jet_pt(zeros + ones, 500.0F), embeddings(1) {
    for (std::size_t jet = 0; jet < zeros + ones; ++jet) {
      labels.push_back(jet < zeros ? 0 : 1);
      logits.insert(logits.end(), {1.0F, 0.0F, 0.0F, 0.0F});
      cost.insert(cost.end(), {1.0, 2.0});
      embeddings[0].insert(embeddings[0].end(),
                           {static_cast<float>(labels.back()), static_cast<float>(jet % 2)});
    }
  }
  Answers answers() const {
    return {.logits = logits,
            .labels = labels,
            .multiplicity = multiplicity,
            .jet_pt = jet_pt,
            .cost = cost,
            .exits = 2,
            .classes = 2,
            .embeddings = embeddings};
  }
};

double jei_chance(const Sample& sample, double lambda) {
  return chance(fit_jei(sample.answers(), lambda)[0], jei_features({sample.logits.data(), 2}));
}

}  // namespace

TEST_CASE("the gate on embeddings finds the regression that made the answers right") {
  const std::uint64_t key = random_key(1, Stream::split, {});
  std::vector<float> embedding;
  std::vector<std::uint8_t> right;
  for (std::uint64_t jet = 0; jet < 40000; ++jet) {
    const double x = 6.0 * uniform(key, 3 * jet) - 3.0;
    const double y = 10.0 + 0.5 * uniform(key, 3 * jet + 1);
    embedding.insert(embedding.end(), {static_cast<float>(x), static_cast<float>(y)});
    const double z = 0.3 + 1.5 * x - 4.0 * (y - 10.25);
    right.push_back(uniform(key, 3 * jet + 2) < 1.0 / (1.0 + std::exp(-z)) ? 1 : 0);
  }
  const Gate gate = fit_lte(embedding, right);
  REQUIRE(gate.weights.size() == 2);
  CHECK(gate.weights[0] / gate.scale[0] == Approx(1.5).epsilon(0.05));
  CHECK(gate.weights[1] / gate.scale[1] == Approx(-4.0).epsilon(0.1));
  CHECK(chance(gate, std::vector<float>{0.0F, 10.25F}) ==
        Approx(1.0 / (1.0 + std::exp(-0.3))).margin(0.02));
}

TEST_CASE("prototypes are the means of the classes and their scatter") {
  const std::vector<float> embedding = {0.0F, 0.0F, 0.0F, 4.0F, 5.0F, 5.0F, 2.0F, 0.0F, 0.0F, 8.0F};
  const std::vector<std::int64_t> labels = {0, 1, 2, 0, 1};
  const Prototypes prototypes = fit_prototypes(embedding, labels, 4);
  CHECK(prototypes.means == std::vector<double>{1.0, 0.0, 0.0, 6.0, 5.0, 5.0, 0.0, 0.0});
  CHECK(prototypes.scale == std::vector<double>{1.0, 2.0, 0.0, 0.0});
}

TEST_CASE("the gate of JEI-DNN weighs the jets for which the best exit is reached") {
  // The first exit is the best one for class 0. All jets look alike, so the chance is the share of
  // these jets, which weigh min(others / these, 5).
  CHECK(jei_chance({10, 90}, 0.1) == Approx(50.0 / 140.0).epsilon(1e-5));
  CHECK(jei_chance({40, 60}, 0.1) == Approx(0.5).epsilon(1e-5));
  CHECK(jei_chance({80, 20}, 0.1) == Approx(0.5).epsilon(1e-5));
}

TEST_CASE("the dearer going on, the earlier the best exit of JEI-DNN") {
  // Going on gains 0.62 for class 1 and costs lambda / 2.
  CHECK(jei_chance({40, 60}, 1.2) == Approx(0.5).epsilon(1e-5));
  CHECK(jei_chance({0, 100}, 1.2) < 1e-3);
  CHECK(jei_chance({0, 100}, 1.3) > 0.999);
}

TEST_CASE(
    "everything is fitted for every early exit, and stays finite where answers are all alike") {
  const Sample sample(12, 8);
  const Fits fits = fit_all(sample.answers(), 0.1);
  REQUIRE(fits.numbers.size() == 4);
  for (const auto& [name, numbers] : fits.numbers) {
    CAPTURE(name);
    REQUIRE(numbers.size() == 1);
    for (const double number : numbers[0]) {
      CHECK(std::isfinite(number));
    }
  }
  // The embedding tells the label and with it whether the answer, always 0, is right.
  const std::vector<std::string> classes = {"a", "b"};
  const Rule lte = make_rule("lte", fits, 2, classes);
  const std::vector<float> scores = decide(lte, sample.answers()).scores;
  CHECK(scores[0] > 0.8F);
  CHECK(scores[19] < 0.2F);

  // Kept scores stand for embeddings.
  Answers without = sample.answers();
  without.embeddings = {};
  CHECK_THROWS_WITH(decide(lte, without), Catch::Contains("rule lte: these answers"));
  EmbeddingScores kept = {{"lte", scores}};
  without.scores = &kept;
  CHECK(decide(lte, without).scores == scores);
  CHECK(decide(lte, without).right == decide(lte, sample.answers()).right);
}
