#include "eebench/exits/rule.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include <catch2/catch.hpp>

#include "eebench/core/error.hpp"
#include "eebench/core/random.hpp"
#include "eebench/exits/thresholds.hpp"

using namespace eebench;
using namespace eebench::exits;

namespace {

constexpr float inf = std::numeric_limits<float>::infinity();
constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();

float score_of(RuleKind kind, const std::vector<float>& logits) {
  return score({kind}, 0, logits, 30);
}

/// Jets whose answer is right with a chance that logits and multiplicity both tell.
struct Sample {
  std::vector<float> logits;
  std::vector<std::int64_t> labels;
  std::vector<std::int64_t> multiplicity;
};

Sample synthetic(std::uint64_t seed, std::size_t jets) {
  Sample sample;
  const std::uint64_t key = random_key(seed, Stream::split, {});
  for (std::size_t i = 0; i < jets; ++i) {
    const double margin = 4.0 * uniform(key, 4 * i);
    const auto n = static_cast<std::int64_t>(5.0 + 100.0 * uniform(key, 4 * i + 1));
    const double chance =
        1.0 / (1.0 + std::exp(-(1.5 * margin - 3.0 + std::log(static_cast<double>(n) / 30.0))));
    const auto answer = static_cast<std::int64_t>(3.0 * uniform(key, 4 * i + 2));
    for (std::int64_t c = 0; c < 3; ++c) {
      sample.logits.push_back(c == answer ? static_cast<float>(margin) : 0.0F);
    }
    sample.labels.push_back(uniform(key, 4 * i + 3) < chance ? answer : (answer + 1) % 3);
    sample.multiplicity.push_back(n);
  }
  return sample;
}

}  // namespace

TEST_CASE("scores have their hand-computed values") {
  const std::vector<float> logits = {2.0F, 0.5F, -1.0F, 0.0F};
  CHECK(score_of(RuleKind::confidence, logits) == Approx(0.7100999228861742));
  CHECK(score_of(RuleKind::margin, logits) == Approx(0.7100999228861742 - 0.15844470951497971));
  CHECK(score_of(RuleKind::entropy, logits) == Approx(0.36645405196683434));
  const Summary summary = summarise(logits);
  CHECK(summary.log_odds == Approx(0.8958693946632716).epsilon(1e-12));
  CHECK(summary.logit_margin == 1.5);
  CHECK(summary.answer == 0);
}

TEST_CASE("equal logits score lowest, and a shift of all logits changes nothing") {
  const std::vector<float> equal(4, 3.0F);
  CHECK(score_of(RuleKind::confidence, equal) == 0.25F);
  CHECK(score_of(RuleKind::margin, equal) == 0.0F);
  CHECK(score_of(RuleKind::entropy, equal) == Approx(0.0).margin(1e-12));
  CHECK(score_of(RuleKind::entropy, {1002.0F, 1000.5F}) ==
        score_of(RuleKind::entropy, {2.0F, 0.5F}));
}

TEST_CASE("a class of probability zero makes no NaN") {
  for (const RuleKind kind : {RuleKind::confidence, RuleKind::entropy, RuleKind::margin}) {
    CHECK(score_of(kind, {0.0F, -inf, -inf}) == 1.0F);
    CHECK(score_of(kind, {500.0F, -500.0F, -500.0F}) == 1.0F);
  }
  CHECK(std::isfinite(features_of(summarise(std::vector<float>{0.0F, -inf}), 0)[4]));
}

TEST_CASE("logits that are NaN never leave early") {
  for (const RuleKind kind : {RuleKind::confidence, RuleKind::entropy, RuleKind::margin}) {
    CHECK_FALSE(leaves(score_of(kind, {not_a_number, 1.0F, 2.0F}), 0.0));
    CHECK_FALSE(leaves(score_of(kind, {3.0F, 1.0F, not_a_number}), 0.0));
  }
}

TEST_CASE("rules are found by name and others listed") {
  for (const RuleRow& row : rule_registry()) {
    CHECK(parse_rule(row.name) == row.kind);
    CHECK(!row.sentence.empty());
  }
  CHECK_THROWS_WITH(parse_rule("luck"), Catch::Contains("confidence") && Catch::Contains("luck"));
}

TEST_CASE("the learned rule wants the gates of its network, the others want none") {
  const Gate gate{{}, {}, {}, 0.0, {0.0, 0.0, 0.0}};
  const std::vector<Gate> gates = {gate, gate};
  CHECK(make_rule("margin", {}, 3, 3).kind == RuleKind::margin);
  CHECK(make_rule("margin", gates, 3, 3).gates.empty());
  CHECK(make_rule("learned", gates, 3, 3).gates.size() == 2);
  CHECK_THROWS_WITH(make_rule("learned", {}, 3, 3), Catch::Contains("eebench gates"));
  CHECK_THROWS_WITH(make_rule("learned", gates, 4, 3), Catch::Contains("not those of 3 early"));
  CHECK_THROWS_WITH(make_rule("learned", gates, 3, 10), Catch::Contains("10 classes"));
}

TEST_CASE("a gate learns when its exit is right, and says so in calibrated chances") {
  const Sample train = synthetic(1, 20000);
  const Sample test = synthetic(2, 20000);
  const Gate gate = fit_gate(train.logits, train.labels, train.multiplicity, 3);
  const Rule learned{RuleKind::learned, {gate}};
  std::vector<double> expected(10);
  std::vector<double> right(10);
  std::vector<double> count(10);
  double log_loss = 0.0;
  double total_right = 0.0;
  for (std::size_t i = 0; i < test.labels.size(); ++i) {
    const std::span<const float> logits = std::span(test.logits).subspan(3 * i, 3);
    const double p = static_cast<double>(score(learned, 0, logits, test.multiplicity[i]));
    const double hit = summarise(logits).answer == test.labels[i] ? 1.0 : 0.0;
    const auto bin = std::min<std::size_t>(9, static_cast<std::size_t>(p * 10.0));
    expected[bin] += p;
    right[bin] += hit;
    count[bin] += 1.0;
    total_right += hit;
    log_loss -= std::log(hit != 0.0 ? p : 1.0 - p);
  }
  for (std::size_t bin = 0; bin < 10; ++bin) {
    if (count[bin] > 200.0) {
      const double deviation = std::sqrt(0.25 / count[bin]);
      CHECK(std::abs(right[bin] - expected[bin]) / count[bin] < 4.0 * deviation);
    }
  }
  const double n = static_cast<double>(test.labels.size());
  const double base = total_right / n;
  const double chance = -base * std::log(base) - (1.0 - base) * std::log(1.0 - base);
  CHECK(log_loss / n < 0.85 * chance);
}

TEST_CASE("a gate survives packing bit for bit") {
  const Sample sample = synthetic(3, 500);
  const Gate gate = fit_gate(sample.logits, sample.labels, sample.multiplicity, 3);
  const Gate again = unpack(pack(gate));
  CHECK(pack(again) == pack(gate));
  CHECK(again.answer_bias.size() == 3);
  CHECK_THROWS_AS(unpack(std::vector<double>(5)), InputError);
}

TEST_CASE("a gate whose exit is always right stays finite") {
  const Sample sample = synthetic(4, 200);
  std::vector<std::int64_t> labels;
  for (std::size_t i = 0; i < 200; ++i) {
    labels.push_back(summarise(std::span(sample.logits).subspan(3 * i, 3)).answer);
  }
  const Gate gate = fit_gate(sample.logits, labels, sample.multiplicity, 3);
  const Rule learned{RuleKind::learned, {gate}};
  const float sure = score(learned, 0, std::span(sample.logits).first(3), 30);
  CHECK(sure > 0.99F);
  CHECK(sure <= 1.0F);
}

TEST_CASE("input a gate cannot be fitted to is refused") {
  Sample sample = synthetic(5, 10);
  CHECK_THROWS_AS(fit_gate({}, {}, {}, 3), InputError);
  CHECK_THROWS_AS(fit_gate(sample.logits, sample.labels, sample.multiplicity, 4), InputError);
  sample.labels[7] = 3;
  CHECK_THROWS_WITH(fit_gate(sample.logits, sample.labels, sample.multiplicity, 3),
                    Catch::Contains("jet 7"));
  sample.labels[7] = 0;
  sample.logits[4] = not_a_number;
  CHECK_THROWS_WITH(fit_gate(sample.logits, sample.labels, sample.multiplicity, 3),
                    Catch::Contains("jet 1"));
}

TEST_CASE("grids of thresholds are read") {
  const std::vector<double> range = parse_grid("0.5:0.99:0.05");
  REQUIRE(range.size() == 10);
  CHECK(range[3] == 0.65);
  CHECK(range.back() == 0.95);
  CHECK(parse_grid("0.5:0.9:0.1").size() == 5);
  CHECK(parse_grid("[0.5, 0.9]") == std::vector<double>{0.5, 0.9});
  CHECK(parse_grid("0.7") == std::vector<double>{0.7});
  const std::vector<double> odds = parse_grid("logit:2:8:0.5");
  REQUIRE(odds.size() == 13);
  CHECK(odds[0] == Approx(0.8807970779778823).epsilon(1e-14));
  for (const char* wrong : {"", "a", "0.5:0.9", "0.9:0.5:0.1", "0.5:0.9:0", "[0.5,]", "0.5:0.9:-1",
                            "logit:2", "nan", "0.5:0.9:0.1:2"}) {
    CHECK_THROWS_AS(parse_grid(wrong), InputError);
  }
}

TEST_CASE("one threshold serves all exits, and a wrong number is refused") {
  CHECK(thresholds_for(std::vector<double>{0.9}, 4) == std::vector<double>{0.9, 0.9, 0.9});
  CHECK(thresholds_for(std::vector<double>{0.9, 0.8}, 3) == std::vector<double>{0.9, 0.8});
  CHECK(thresholds_for(std::vector<double>{0.9}, 1).empty());
  CHECK_THROWS_WITH(thresholds_for(std::vector<double>{0.9, 0.8}, 4), Catch::Contains("3 early"));
  CHECK_THROWS_AS(thresholds_for(std::vector<double>{std::nan("")}, 3), InputError);
}
