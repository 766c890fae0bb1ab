#include "eebench/bench/choosing.hpp"

#include <catch2/catch.hpp>

#include "tests/bench/replayed_jets.hpp"

using namespace eebench;

namespace {

struct Case : test::ReplayedJets {
  Case() : ReplayedJets(2000) {}
  std::vector<bench::Point> chosen(const std::string& rule) {
    std::vector<bench::Point> points;
    for (const double loss : {0.002, 0.03}) {
      for (const auto selection : {bench::Selection::shared, bench::Selection::per_exit}) {
        bench::Point point;
        point.rule = rule;
        point.exits = 3;
        point.selection = selection;
        point.max_loss = loss;
        points.push_back(point);
      }
    }
    bench::choose_thresholds({}, points, 0, jets, costs, {});
    return points;
  }
  bench::Values replayed(const bench::Point& point) {
    return bench::replayed_values(jets, costs, point,
                                  bench::rule_of(point, {}, test::ten_classes()), {1, 2});
  }
};

}  // namespace

TEST_CASE("chosen thresholds keep the loss on their jets and do what they promise") {
  Case c;
  const std::vector<bench::Point> points = c.chosen(GENERATE("confidence", "margin", "entropy"));
  for (const bench::Point& point : points) {
    REQUIRE(point.thresholds.size() == 2);
    const bench::Values values = c.replayed(point);
    CHECK(values.at("accuracy_loss")[0] <= point.max_loss + 1e-12);
    CHECK(values.at("accuracy")[0] == Approx(point.chosen_accuracy));
    CHECK(values.at("relative_cost")[0] == Approx(point.chosen_cost));
    CHECK(point.chosen_cost < 1.0);
    if (point.selection == bench::Selection::shared) {
      CHECK(point.thresholds[0] == point.thresholds[1]);
    }
  }
  // A threshold of its own for each exit can only save; so can a larger loss.
  CHECK(points[1].chosen_cost <= points[0].chosen_cost * 1.01);
  CHECK(points[3].chosen_cost <= points[2].chosen_cost * 1.01);
  CHECK(points[2].chosen_cost < points[0].chosen_cost);
}

TEST_CASE("points with given thresholds and of other networks stay as they are") {
  Case c;
  bench::Point given;
  given.rule = "margin";
  given.exits = 3;
  given.thresholds = {0.5, 0.4};
  bench::Point other = given;
  other.model = 1;
  other.thresholds.clear();
  other.selection = bench::Selection::shared;
  std::vector<bench::Point> points = {given, other};
  bench::choose_thresholds({}, points, 0, c.jets, c.costs, {});
  CHECK(points[0].thresholds == given.thresholds);
  CHECK(points[1].thresholds.empty());
}
