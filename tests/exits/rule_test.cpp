#include "eebench/exits/rule.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include <catch2/catch.hpp>

#include "eebench/core/error.hpp"
#include "eebench/core/random.hpp"
#include "eebench/exits/fit.hpp"
#include "eebench/exits/thresholds.hpp"

using namespace eebench;
using namespace eebench::exits;

namespace {

constexpr float inf = std::numeric_limits<float>::infinity();
const std::vector<std::string> three = {"a", "b", "c"};
constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();

/// Something for every rule that is fitted, at three early exits with embeddings of two numbers.
Fits some_fits(std::size_t classes) {
  const auto gate = [](std::size_t features, std::size_t answers) {
    return pack(Gate{std::vector<double>(features), std::vector<double>(features, 1.0),
                     std::vector<double>(features, 0.1), 0.0, std::vector<double>(answers)});
  };
  Fits fits;
  for (int exit = 0; exit < 3; ++exit) {
    fits.numbers["learned"].push_back(gate(7, classes));
    fits.numbers["jei"].push_back(gate(4, 0));
    fits.numbers["lte"].push_back(gate(2, 0));
    fits.numbers["prototype"].push_back(
        pack(Prototypes{std::vector<double>(2 * classes, 0.5), std::vector<double>(classes, 2.0)}));
  }
  return fits;
}

/// Score of the last of these exits, of a jet with 30 constituents and 500 GeV. The classes are
/// called a, b, c and so on.
float score_of(const std::string& rule, const std::vector<std::vector<float>>& exits) {
  std::vector<std::string> classes;
  std::vector<float> logits;
  for (std::size_t c = 0; c < exits.front().size(); ++c) {
    classes.emplace_back(1, static_cast<char>('a' + c));
  }
  for (const std::vector<float>& exit : exits) {
    logits.insert(logits.end(), exit.begin(), exit.end());
  }
  static constexpr std::array embedding = {0.25F, -1.0F};
  return score(make_rule(rule, some_fits(classes.size()), 4, classes),
               {logits, static_cast<std::int64_t>(classes.size()), 30, 500.0F, embedding});
}

/// Scores at every exit of a jet that gets these answers of three classes.
std::vector<float> scores_of(const std::string& rule, const std::vector<std::size_t>& answers) {
  std::vector<std::vector<float>> exits;
  std::vector<float> scores;
  for (const std::size_t answer : answers) {
    exits.emplace_back(3, 0.0F);
    exits.back()[answer] = 1.0F;
    scores.push_back(score_of(rule, exits));
  }
  return scores;
}

/// Of a network with one early exit and three classes.
Rule fitted_rule(const std::string& name, const std::vector<double>& numbers) {
  return make_rule(name, {.numbers = {{name, {numbers}}}}, 2, three);
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
  CHECK(score_of("confidence", {logits}) == Approx(0.7100999228861742));
  CHECK(score_of("margin", {logits}) == Approx(0.7100999228861742 - 0.15844470951497971));
  CHECK(score_of("entropy", {logits}) == Approx(0.36645405196683434));
  CHECK(score_of("energy", {logits}) == Approx(2.342349582389822));
  CHECK(score_of("logit-margin", {logits}) == 1.5F);
  CHECK(score_of("comparator", {logits}) == Approx(-1.4082525117529063));
  const Summary summary = summarise(logits);
  CHECK(summary.log_odds == Approx(0.8958693946632716).epsilon(1e-12));
  CHECK(summary.logit_margin == 1.5);
  CHECK(summary.answer == 0);
}

TEST_CASE("equal logits score lowest, and a shift of all logits changes nothing") {
  const std::vector<float> equal(4, 3.0F);
  CHECK(score_of("confidence", {equal}) == 0.25F);
  CHECK(score_of("margin", {equal}) == 0.0F);
  CHECK(score_of("entropy", {equal}) == Approx(0.0).margin(1e-12));
  CHECK(score_of("logit-margin", {equal}) == 0.0F);
  CHECK(score_of("comparator", {equal}) == -4.0F);
  for (const char* rule : {"entropy", "logit-margin", "comparator"}) {
    CHECK(score_of(rule, {{1002.0F, 1000.5F}}) == score_of(rule, {{2.0F, 0.5F}}));
  }
  CHECK(score_of("energy", {{1002.0F, 1000.5F}}) == Approx(1002.2014132779827));
}

TEST_CASE("patience counts the exits directly before that gave the same answer") {
  CHECK(scores_of("patience", {0, 0, 0}) == std::vector<float>{0.0F, 1.0F, 2.0F});
  CHECK(scores_of("patience", {1, 0, 0}) == std::vector<float>{0.0F, 0.0F, 1.0F});
  CHECK(scores_of("patience", {0, 1, 0}) == std::vector<float>{0.0F, 0.0F, 0.0F});
  CHECK(scores_of("patience", {2, 2, 1}) == std::vector<float>{0.0F, 1.0F, 0.0F});
}

TEST_CASE("vote is the share of the exits that give the commonest answer, whoever gives it") {
  CHECK(scores_of("vote", {0, 0, 0}) == std::vector<float>{1.0F, 1.0F, 1.0F});
  CHECK(scores_of("vote", {0, 1, 0}) == std::vector<float>{1.0F, 0.5F, 2.0F / 3.0F});
  CHECK(scores_of("vote", {1, 1, 2}) == std::vector<float>{1.0F, 1.0F, 2.0F / 3.0F});
  CHECK(scores_of("vote", {0, 1, 2}) == std::vector<float>{1.0F, 0.5F, 1.0F / 3.0F});
}

TEST_CASE("margin saturates, its logits do not") {
  CHECK(score_of("margin", {{40.0F, 0.0F}}) == score_of("margin", {{60.0F, 0.0F}}));
  CHECK(score_of("logit-margin", {{60.0F, 0.0F}}) == 60.0F);
}

TEST_CASE("a formula has the values that the rules of the same name have") {
  const std::vector<std::vector<float>> exits = {{0.0F, 1.0F, 0.0F}, {2.0F, 0.5F, 1.0F}};
  for (const auto& [variable, rule] :
       std::vector<std::pair<std::string, std::string>>{{"p_max", "confidence"},
                                                        {"entropy", "entropy"},
                                                        {"margin", "margin"},
                                                        {"energy", "energy"},
                                                        {"logit_margin", "logit-margin"},
                                                        {"patience", "patience"},
                                                        {"vote", "vote"}}) {
    CHECK(score_of("1 * " + variable, exits) == score_of(rule, exits));
    CHECK(score_of("1 * " + variable, {exits[1], exits[1]}) ==
          score_of(rule, {exits[1], exits[1]}));
  }
  CHECK(score_of("10 * exit + multiplicity", exits) == 40.0F);
  CHECK(score_of("jet_pt / 1000", exits) == 0.5F);
}

TEST_CASE("formulas have their hand-computed values") {
  const std::vector<float> logits = {2.0F, 0.5F, -1.0F, 0.0F};  // 0.7101, 0.1584, 0.0354, 0.0961
  const std::vector<float> other = {0.0F, 0.5F, -1.0F, 0.0F};
  CHECK(score_of("p_a", {logits}) == Approx(0.7100999228861743));
  CHECK(score_of("p_c + p_d", {logits}) == Approx(0.0353537934 + 0.0961015742));
  CHECK(score_of("abs(p_b - 0.5)", {logits}) == Approx(0.5 - 0.15844470951497971));
  CHECK(score_of("maximum(0.1 - p_b, p_b - 0.8)", {logits}) == Approx(0.1 - 0.15844470951497971));
  CHECK(score_of("maximum(0.1 - p_c, p_c - 0.8)", {logits}) > 0.0F);
  CHECK(score_of("maximum(0.1 - p_a, p_a - 0.7)", {logits}) == Approx(0.0100999228861743));
  CHECK(score_of("p_max + 0.001 * multiplicity", {logits}) == Approx(0.7400999228861743));
  const std::string hybrid = "p_max * (patience >= 1)";
  CHECK(score_of(hybrid, {logits}) == 0.0F);
  CHECK(score_of(hybrid, {other, logits}) == 0.0F);
  CHECK(score_of(hybrid, {logits, logits}) == Approx(0.7100999228861743));
  // With a temperature of 2: the softmax of logits / 2, whose largest is e / (e + e^0.25 + ...).
  const std::string soft = "p_max ** 0.5 / (p_a ** 0.5 + p_b ** 0.5 + p_c ** 0.5 + p_d ** 0.5)";
  CHECK(score_of(soft, {logits}) ==
        Approx(std::exp(1.0) / (std::exp(1.0) + std::exp(0.25) + std::exp(-0.5) + 1.0)));
  // With thresholds by class: answers `a` need 0.2 more than the others.
  const std::string by_class = "p_max - 0.2 * (p_a >= p_max)";
  CHECK(score_of(by_class, {logits}) == Approx(0.5100999228861743));
  CHECK(score_of(by_class, {other}) == score_of("p_max", {other}));
  CHECK(score_of("vote * (exit >= 1)", {logits}) == 0.0F);
  CHECK(score_of("vote * (exit >= 1)", {other, logits}) == 0.5F);
}

TEST_CASE("nobody leaves at the threshold never, not even at an infinite value") {
  const std::vector<std::vector<float>> jet = {{2.0F, 0.0F}};
  CHECK(std::isinf(never_leave));
  CHECK(leaves(score_of("exit / exit", jet), -1e30) == false);  // 0 / 0
  const float infinite = score_of("1 / exit", jet);
  CHECK(leaves(infinite, 1e30));
  CHECK_FALSE(leaves(infinite, never_leave));
  for (const RuleRow& row : rule_registry()) {
    for (const std::vector<float>& logits : {jet[0], {0.0F, -inf}}) {
      CHECK_FALSE(leaves(score_of(std::string(row.name), {logits}), never_leave));
    }
  }
}

TEST_CASE("a class of probability zero makes no NaN") {
  for (const char* rule : {"confidence", "entropy", "margin", "p_a", "1 - p_b"}) {
    CHECK(score_of(rule, {{0.0F, -inf, -inf}}) == 1.0F);
    CHECK(score_of(rule, {{500.0F, -500.0F, -500.0F}}) == 1.0F);
  }
  CHECK(score_of("comparator", {{0.0F, -inf, -inf}}) == -1.0F);
  CHECK(score_of("energy", {{3.0F, -inf, -inf}}) == 3.0F);
  CHECK(std::isfinite(learned_features(summarise(std::vector<float>{0.0F, -inf}), 0)[4]));
}

TEST_CASE("logits that are NaN never leave early") {
  std::vector<std::string> rules = {"multiplicity", "p_max * (patience >= 1)", "exit >= 0"};
  for (const RuleRow& row : rule_registry()) {
    rules.emplace_back(row.name);
  }
  const std::vector<float> sound = {3.0F, 1.0F, 2.0F};
  for (const std::string& rule : rules) {
    INFO(rule);
    CHECK_FALSE(leaves(score_of(rule, {{not_a_number, 1.0F, 2.0F}}), -1e30));
    CHECK_FALSE(leaves(score_of(rule, {sound, {3.0F, 1.0F, not_a_number}}), -1e30));
    CHECK_FALSE(leaves(score_of(rule, {{-inf, -inf, -inf}}), -1e30));
    CHECK(leaves(score_of(rule, {{3.0F, 1.0F, not_a_number}, sound}), -1e30));
  }
}

TEST_CASE("an exit without an answer breaks a run and has no vote") {
  const std::vector<float> none = {not_a_number, 0.0F, 0.0F};
  const std::vector<float> sound = {1.0F, 0.0F, 0.0F};
  CHECK(score_of("patience", {none, sound}) == 0.0F);
  CHECK(score_of("patience", {none, sound, sound}) == 1.0F);
  CHECK(score_of("vote", {none, sound}) == 0.5F);
}

TEST_CASE("rules are found by name and others listed") {
  for (const RuleRow& row : rule_registry()) {
    CHECK(parse_rule(row.name) == row.name);
    CHECK(!row.sentence.empty());
    CHECK(row.lowest < row.highest);
  }
  CHECK_THROWS_WITH(parse_rule("luck"), Catch::Contains("'luck'") &&
                                            Catch::Contains("confidence, entropy") &&
                                            Catch::Contains("or a formula such as"));
  CHECK_THROWS_WITH(parse_rule("logit-margn"), Catch::Contains("did you mean 'logit-margin'"));
}

TEST_CASE("task files count on the order of the rules") {
  std::vector<std::string_view> names;
  for (const RuleRow& row : rule_registry()) {
    names.push_back(row.name);
  }
  CHECK(names == std::vector<std::string_view>{"confidence", "entropy", "margin", "learned",
                                               "patience", "vote", "energy", "logit-margin",
                                               "comparator", "prototype", "lte", "jei"});
}

TEST_CASE("a formula is known by its text without blanks") {
  CHECK(parse_rule("p_max * (patience >= 1)") == "p_max*(patience>=1)");
  CHECK(parse_rule("p_max*(patience>=1)") == "p_max*(patience>=1)");
  CHECK(parse_rule(" p_max ") == "p_max");
  CHECK(parse_rule("p_Tbqq") == "p_Tbqq");
}

TEST_CASE("mistakes in a formula are named, with what there is") {
  CHECK_THROWS_WITH(parse_rule("p_max *"),
                    Catch::Contains("p_max *") && Catch::Contains("ends early at character 8"));
  CHECK_THROWS_WITH(parse_rule(""), Catch::Contains("ends early"));
  for (const char* constant : {"1/0", "0.5", "abs(-2) > 1"}) {
    CHECK_THROWS_WITH(parse_rule(constant), Catch::Contains("depends on nothing of a jet") &&
                                                Catch::Contains("p_max, entropy"));
  }
  CHECK_THROWS_WITH(make_rule("p_max * (patient >= 1)", {}, 3, three),
                    Catch::Contains("no variable 'patient'") &&
                        Catch::Contains("patience, vote, exit, multiplicity, jet_pt, p_<class>"));
  CHECK_THROWS_WITH(make_rule("abs(p_Tbqq - 0.5)", {}, 3, three),
                    Catch::Contains("no variable 'p_Tbqq'") && Catch::Contains("classes a, b, c"));
}

TEST_CASE("thresholds must be scores that the rule can give; a list may pass exits by") {
  const auto check = [](const char* rule, const std::vector<double>& thresholds) {
    check_thresholds(rule, thresholds);
  };
  CHECK_NOTHROW(check("confidence", {0.0}));
  CHECK_NOTHROW(check("confidence", {1.0}));
  CHECK_THROWS_WITH(check("confidence", {1.5}),
                    Catch::Contains("rule confidence must be from 0 to 1, not 1.5"));
  CHECK_NOTHROW(check("confidence", {1.5, 0.8}));
  CHECK_NOTHROW(check("confidence", {never_leave, 0.8}));
  CHECK_THROWS_WITH(check("confidence", {never_leave}), Catch::Contains("from 0 to 1, not inf"));
  CHECK_THROWS_WITH(check("margin", {0.5, -0.1}), Catch::Contains("from 0 to 1, not -0.1"));
  CHECK_NOTHROW(check("patience", {7.0}));
  CHECK_THROWS_WITH(check("patience", {-1.0}), Catch::Contains("at least 0, not -1"));
  CHECK_THROWS_WITH(check("logit-margin", {never_leave}), Catch::Contains("at least 0, not inf"));
  CHECK_NOTHROW(check("comparator", {-1.0 / 0.9}));
  CHECK_THROWS_WITH(check("comparator", {0.9}), Catch::Contains("at most -1, not 0.9"));
  CHECK_NOTHROW(check("comparator", {0.0, -2.0}));
  for (const char* rule : {"energy", "p_max*(patience>=1)"}) {
    CHECK_NOTHROW(check(rule, {-30.0}));
    CHECK_NOTHROW(check(rule, {never_leave, 2.0}));
    CHECK_THROWS_WITH(check(rule, {never_leave}), Catch::Contains("a finite number, not inf"));
    CHECK_THROWS_WITH(check(rule, {-never_leave, 2.0}), Catch::Contains("not -inf"));
    CHECK_THROWS_WITH(check(rule, {std::nan("")}), Catch::Contains("not nan"));
  }
}

TEST_CASE("rules that are fitted want the gates of their network, the others want none") {
  CHECK_NOTHROW(make_rule("margin", {}, 3, three));
  CHECK(make_rule("margin", some_fits(3), 4, three).gates.empty());
  CHECK_FALSE(is_fitted("margin"));
  CHECK_FALSE(is_fitted("p_max * 2"));
  for (const std::string rule : {"learned", "prototype", "lte", "jei"}) {
    CAPTURE(rule);
    CHECK(is_fitted(rule));
    Fits fits = some_fits(3);
    fits.where = "net.h5";
    const Rule made = make_rule(rule, fits, 4, three);
    CHECK(made.gates.size() + made.prototypes.size() == 3);
    CHECK_THROWS_WITH(make_rule(rule, fits, 5, three),
                      Catch::Contains("3 gates in net.h5 are not those of 4 early exits"));
    fits.numbers[rule][1].pop_back();
    CHECK_THROWS_WITH(make_rule(rule, fits, 4, three),
                      Catch::Contains("3 classes; fit them again"));
    fits.numbers.erase(rule);
    CHECK_THROWS_WITH(make_rule(rule, fits, 4, three),
                      Catch::Contains("rule " + rule + ": no gates for it in net.h5") &&
                          Catch::Contains("eebench gates --weights"));
  }
  CHECK_THROWS_WITH(make_rule("learned", some_fits(3), 4, std::vector<std::string>(10, "a")),
                    Catch::Contains("10 classes"));
  CHECK(embedding_rules({}, 4, three).empty());
  const std::vector<Rule> both = embedding_rules(some_fits(3), 4, three);
  REQUIRE(both.size() == 2);
  CHECK(both[0].embedding_rule == "prototype");
  CHECK(both[1].embedding_rule == "lte");
}

TEST_CASE("the gate on embeddings is a logistic regression of the exit's own") {
  const std::vector<double> other = pack(Gate{{0.0, 0.0}, {1.0, 1.0}, {9.0, 9.0}, 9.0});
  const std::vector<double> own = pack(Gate{{1.0, 0.0}, {2.0, 1.0}, {0.5, -1.0}, 0.25});
  const Rule rule = make_rule("lte", {.numbers = {{"lte", {other, own}}}}, 3, three);
  const std::vector<float> logits(6, 1.0F);
  const auto score_at = [&](const std::vector<float>& embedding) {
    return score(rule, {logits, 3, 30, 0.0F, embedding});
  };
  CHECK(score_at({3.0F, 0.75F}) == 0.5F);                         // z = 1/4 + 1/2 - 3/4
  CHECK(score_at({3.0F, -0.25F}) == Approx(0.7310585786300049));  // z = 1
  CHECK_THROWS_WITH(score_at({3.0F}),
                    Catch::Contains("rule lte: exit 1 has an embedding of 1 numbers") &&
                        Catch::Contains("eebench gates"));
}

TEST_CASE("prototype is the softmax of distances in units of the scatter") {
  const std::vector<double> means = {0.0, 0.0, 3.0, 4.0, 0.0, 2.0};
  const auto score_at = [&](const std::vector<double>& scale, const std::vector<float>& embedding) {
    return score(fitted_rule("prototype", pack(Prototypes{means, scale})),
                 {std::vector<float>(3), 3, 30, 0.0F, embedding});
  };
  CHECK(score_at({1.0, 2.0, 1.0}, {0.0F, 0.0F}) ==
        Approx(1.0 / (1.0 + std::exp(-2.5) + std::exp(-2.0))));
  CHECK(score_at({1.0, 2.0, 0.0}, {0.0F, 0.0F}) == Approx(0.9241418199787566));  // distances 0, 2.5
  CHECK(score_at({1.0, 2.0, 0.0}, {3.0F, 4.0F}) == Approx(0.9933071490757153));  // 5, 0
  CHECK(score_at({1.0, 2.0, 0.0}, {3e30F, 3e30F}) <= 1.0F);
  CHECK(std::isnan(score_at({0.0, 0.0, 0.0}, {0.0F, 0.0F})));
  CHECK(std::isnan(score_at({1.0, 2.0, 1.0}, {0.0F, not_a_number})));
}

TEST_CASE("the gate of JEI-DNN looks at four scores") {
  const std::vector<float> logits = {std::log(2.0F), 0.0F, 0.0F};  // 1/2, 1/4, 1/4
  const JeiFeatures features = jei_features(logits);
  CHECK(features[0] == Approx(0.5));
  CHECK(features[1] == Approx(1.0 - 1.5 * std::log(2.0) / std::log(3.0)));
  CHECK(features[2] == Approx(0.25));
  // of 2/3, 1/6, 1/6
  CHECK(features[3] == Approx(1.0 - (std::log(1.5) * 2.0 + std::log(6.0)) / 3.0 / std::log(3.0)));
  const Gate gate{{0.25, 0.0, 0.0, 0.0}, {0.5, 1.0, 1.0, 1.0}, {2.0, 0.0, -4.0, 0.0}, 0.5};
  CHECK(score(fitted_rule("jei", pack(gate)), {logits, 3, 30, 0.0F}) ==
        Approx(0.6224593312018546));  // z = 1/2 + 1 - 1
}

TEST_CASE("a gate learns when its exit is right, and says so in calibrated chances") {
  const Sample train = synthetic(1, 20000);
  const Sample test = synthetic(2, 20000);
  const Gate gate = fit_learned(train.logits, train.labels, train.multiplicity, 3);
  const Rule learned = fitted_rule("learned", pack(gate));
  std::vector<double> expected(10);
  std::vector<double> right(10);
  std::vector<double> count(10);
  double log_loss = 0.0;
  double total_right = 0.0;
  for (std::size_t i = 0; i < test.labels.size(); ++i) {
    const std::span<const float> logits = std::span(test.logits).subspan(3 * i, 3);
    const double p = static_cast<double>(score(learned, {logits, 3, test.multiplicity[i], 0.0F}));
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
  const Gate gate = fit_learned(sample.logits, sample.labels, sample.multiplicity, 3);
  const Gate again = unpack_gate(pack(gate), gate.mean.size());
  CHECK(pack(again) == pack(gate));
  CHECK(again.answer_bias.size() == 3);
}

TEST_CASE("a gate whose exit is always right stays finite") {
  const Sample sample = synthetic(4, 200);
  std::vector<std::int64_t> labels;
  for (std::size_t i = 0; i < 200; ++i) {
    labels.push_back(summarise(std::span(sample.logits).subspan(3 * i, 3)).answer);
  }
  const Gate gate = fit_learned(sample.logits, labels, sample.multiplicity, 3);
  const Rule learned = fitted_rule("learned", pack(gate));
  const float sure = score(learned, {std::span(sample.logits).first(3), 3, 30, 0.0F});
  CHECK(sure > 0.99F);
  CHECK(sure <= 1.0F);
}

TEST_CASE("input a gate cannot be fitted to is refused") {
  Sample sample = synthetic(5, 10);
  CHECK_THROWS_AS(fit_learned({}, {}, {}, 3), InputError);
  CHECK_THROWS_AS(fit_learned(sample.logits, sample.labels, sample.multiplicity, 4), InputError);
  sample.labels[7] = 3;
  CHECK_THROWS_WITH(fit_learned(sample.logits, sample.labels, sample.multiplicity, 3),
                    Catch::Contains("jet 7"));
  sample.labels[7] = 0;
  sample.logits[4] = not_a_number;
  CHECK_THROWS_WITH(fit_learned(sample.logits, sample.labels, sample.multiplicity, 3),
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
