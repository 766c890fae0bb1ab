#include "eebench/bench/grid.hpp"

#include <algorithm>
#include <numeric>
#include <set>

#include <catch2/catch.hpp>

#include "eebench/core/error.hpp"

using namespace eebench;
using bench::Point;

namespace {

bench::Suite suite() {
  bench::Suite suite;
  suite.models = {{"a", "", "a.h5", ""}, {"b", "", "b.h5", ""}};
  suite.rules = {"confidence", "margin"};
  suite.thresholds = {{0.5}, {0.7}, {0.9}};
  suite.batches = {1, 64};
  suite.scenarios = {bench::Scenario::offline};
  return suite;
}

const std::vector<bench::ModelFacts> facts = {{"a", 3, "wa", "ga", "d"}, {"b", 2, "wb", "gb", "d"}};

std::set<std::string> ids(const std::vector<Point>& points) {
  std::set<std::string> result;
  for (const Point& point : points) {
    result.insert(point.id);
  }
  return result;
}

}  // namespace

TEST_CASE("every combination is there once, with each exit fixed as a baseline") {
  const auto points = bench::make_grid(suite(), facts);
  CHECK(points.size() == 2 * (3 + 6) + 2 * (2 + 6));
  CHECK(ids(points).size() == points.size());
  CHECK(points[0].rule == "full");
  CHECK(points[0].fixed_exit == 2);
  CHECK(points[1].rule == "fixed");
  CHECK(points[1].fixed_exit == 1);
  CHECK(points[3].thresholds == std::vector<double>{0.5, 0.5});
  CHECK(bench::describe(suite(), points) ==
        "2 models x 2 rules x 3 thresholds x 2 batches x 1 scenario = 24 points + 10 baselines");
}

TEST_CASE("more rules than a file can number are refused") {
  auto many = suite();
  for (int i = 0; i < 250; ++i) {
    many.rules.push_back("p_max-" + std::to_string(i));
  }
  CHECK_THROWS_WITH(bench::make_grid(many, facts), Catch::Contains("which holds 255"));
}

TEST_CASE("each loss gets a point with one threshold and one with a threshold for each exit") {
  auto choosing = suite();
  choosing.choosing = {"val.h5", 0, {0.001, 0.01}};
  auto known = facts;
  known[0].choosing_sha256 = "v";
  known[1].choosing_sha256 = "v";
  const auto points = bench::make_grid(choosing, known);
  CHECK(bench::describe(choosing, points) ==
        "2 models x 2 rules x 3 thresholds x 2 batches x 1 scenario = 24 points + 24 with "
        "thresholds to be chosen + 10 baselines");
  std::set<std::string> wanted;  // of network a at batch 1 with confidence
  for (const Point& point : points) {
    if (point.selection != bench::Selection::given) {
      CHECK(point.thresholds.empty());
      CHECK((point.model == 0 || point.selection == bench::Selection::shared));
      if (point.model == 0 && point.batch == 1 && point.rule == "confidence") {
        wanted.insert(std::to_string(point.max_loss) +
                      (point.selection == bench::Selection::shared ? " shared" : " per exit"));
      }
    }
  }
  CHECK(wanted == std::set<std::string>{"0.001000 shared", "0.001000 per exit", "0.010000 shared",
                                        "0.010000 per exit"});
  const auto chosen_on_v = ids(points);
  CHECK(chosen_on_v.size() == points.size());
  known[0].choosing_sha256 = "w";
  known[1].choosing_sha256 = "w";
  const auto chosen_on_w = ids(bench::make_grid(choosing, known));
  std::set<std::string> common;
  std::set_intersection(chosen_on_v.begin(), chosen_on_v.end(), chosen_on_w.begin(),
                        chosen_on_w.end(), std::inserter(common, common.end()));
  CHECK(common == ids(bench::make_grid(suite(), facts)));
}

TEST_CASE("an id changes with what decides the point, and with nothing else") {
  const auto before = ids(bench::make_grid(suite(), facts));
  auto more = suite();
  more.thresholds.push_back({0.95});
  const auto after = ids(bench::make_grid(more, facts));
  CHECK(std::includes(after.begin(), after.end(), before.begin(), before.end()));

  auto other_weights = facts;
  other_weights[0].weights_sha256 = "x";
  const auto changed = ids(bench::make_grid(suite(), other_weights));
  std::set<std::string> common;
  std::set_intersection(before.begin(), before.end(), changed.begin(), changed.end(),
                        std::inserter(common, common.end()));
  CHECK(common.size() == 16);  // those of the other network
  auto other_config = facts;
  other_config[0].network_sha256 = "x";
  CHECK(ids(bench::make_grid(suite(), other_config)) != before);
}

TEST_CASE("executors multiply the points with a rule, and a skip leaves out those that it names") {
  auto both = suite();
  both.engines = {bench::Engine::leaving, bench::Engine::whole};
  const auto points = bench::make_grid(both, facts);
  CHECK(points.size() == 2 * (3 + 12) + 2 * (2 + 12));
  CHECK(ids(points).size() == points.size());
  CHECK(bench::describe(both, points) ==
        "2 models x 2 rules x 3 thresholds x 2 batches x 1 scenario x 2 executors = 48 points + 10 "
        "baselines");

  both.skip = {{.engines = {bench::Engine::whole}, .batches = {1}}, {.models = {"b"}}};
  const auto fewer = bench::make_grid(both, facts);
  CHECK(fewer.size() == (3 + 6) + (3 + 12));
  for (std::size_t i = 0; i < fewer.size(); ++i) {
    CHECK(fewer[i].index == static_cast<std::int64_t>(i));
    CHECK(fewer[i].model == 0);
    CHECK((fewer[i].batch == 64 || fewer[i].engine == bench::Engine::leaving));
  }
  both.skip.push_back({.models = {"a"}});
  CHECK_THROWS_WITH(bench::make_grid(both, facts), Catch::Contains("leaves out every point"));
}

TEST_CASE("a precision is part of a point's id, and may be left out") {
  auto lower = suite();
  lower.models[1].precision = exec::Precision::bf16;
  const auto points = bench::make_grid(lower, facts);
  CHECK(points.back().precision == exec::Precision::bf16);
  CHECK(bench::settings_of(points.back(), bench::rule_names(points)).at("precision").front() == 1);
  const auto before = ids(bench::make_grid(suite(), facts));
  const auto after = ids(points);
  std::set<std::string> common;
  std::set_intersection(before.begin(), before.end(), after.begin(), after.end(),
                        std::inserter(common, common.end()));
  CHECK(common.size() == 18);  // those of the other network
  lower.skip = {{.precisions = {exec::Precision::bf16}}};
  CHECK(bench::make_grid(lower, facts).size() == 18);
}

TEST_CASE("a grid takes the thresholds of each rule") {
  auto own = suite();
  own.thresholds.clear();
  own.rules = {"confidence", "patience"};
  own.rule_thresholds = {{"confidence", {{0.5}, {0.7}, {0.9}}}, {"patience", {{1.0}}}};
  const auto points = bench::make_grid(own, facts);
  CHECK(points.size() == 2 * (3 + 4) + 2 * (2 + 4));
  CHECK(bench::describe(own, points) ==
        "2 models x 2 rules with 4 thresholds in all x 2 batches x 1 scenario = 16 points + 10 "
        "baselines");
  CHECK(points[6].rule == "patience");
  CHECK(points[6].thresholds == std::vector<double>{1.0, 1.0});
}

TEST_CASE("a formula is part of a point's id, and stands behind the named rules in the file") {
  auto own = suite();
  own.rules = {"p_max*(patience>=1)", "comparator", "abs(p_a-0.5)"};
  const auto points = bench::make_grid(own, facts);
  CHECK(ids(points).size() == points.size());
  const std::vector<std::string> names = bench::rule_names(points);
  REQUIRE(names.size() == 16);
  CHECK(std::vector(names.begin(), names.begin() + 3) ==
        std::vector<std::string>{"full", "fixed", "confidence"});
  CHECK(names[10] == "comparator");
  CHECK(names[14] == "p_max*(patience>=1)");
  CHECK(names[15] == "abs(p_a-0.5)");
  CHECK(bench::settings_of(points[0], names).at("rule")[0] == 0.0);
  CHECK(bench::settings_of(points[3], names).at("rule")[0] == 14.0);
  own.rules[0] = "p_max*(patience>=2)";
  const auto changed = bench::make_grid(own, facts);
  CHECK(changed[3].id != points[3].id);
  CHECK(changed[0].id == points[0].id);
  CHECK(changed[6].id == points[6].id);
}

TEST_CASE("thresholds that do not fit a network are refused by its name") {
  auto wrong = suite();
  wrong.thresholds = {{0.9, 0.8}};
  CHECK_THROWS_WITH(bench::make_grid(wrong, facts), Catch::Matchers::Contains("model b"));
}

TEST_CASE("the order is a permutation that the seed decides") {
  auto order = bench::shuffled(50, 3);
  CHECK(order == bench::shuffled(50, 3));
  CHECK(order != bench::shuffled(50, 4));
  CHECK_FALSE(std::is_sorted(order.begin(), order.end()));
  std::sort(order.begin(), order.end());
  std::vector<std::int64_t> all(50);
  std::iota(all.begin(), all.end(), 0);
  CHECK(order == all);
}
