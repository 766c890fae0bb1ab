#include "eebench/bench/physics.hpp"

#include <cmath>

#include <catch2/catch.hpp>

#include "eebench/core/error.hpp"
#include "tests/bench/replayed_jets.hpp"

using namespace eebench;

namespace {

struct Case : test::ReplayedJets {
  Case() : ReplayedJets(1000) {}
  bench::Values values(const bench::Point& point) {
    return bench::replayed_values(jets, costs, point,
                                  bench::rule_of(point, {}, test::ten_classes()), {1, 50});
  }
};

bench::Point threshold_point(std::vector<double> thresholds) {
  bench::Point point;
  point.rule = "confidence";
  point.exits = 3;
  point.thresholds = std::move(thresholds);
  return point;
}

bench::Point fixed_point(std::int64_t exit) {
  bench::Point point;
  point.rule = "fixed";
  point.exits = 3;
  point.fixed_exit = exit;
  return point;
}

}  // namespace

TEST_CASE("replayed numbers agree with a count by hand") {
  Case c;
  const auto values = c.values(threshold_point({0.8, 0.6}));
  std::vector<double> left(3, 0.0);
  double right = 0.0;
  double multiply_adds = 0.0;
  for (std::int64_t jet = 0; jet < 1000; ++jet) {
    std::size_t exit = 0;
    std::size_t answer = 0;
    for (; exit < 3; ++exit) {
      const float* z = c.jets.logits.data() + (static_cast<std::size_t>(jet) * 3 + exit) * 10;
      double sum = 0.0;
      answer = static_cast<std::size_t>(std::max_element(z, z + 10) - z);
      for (std::size_t k = 0; k < 10; ++k) {
        sum += std::exp(static_cast<double>(z[k]) - static_cast<double>(z[answer]));
      }
      if (exit == 2 || 1.0 / sum >= (exit == 0 ? 0.8 : 0.6)) {
        break;
      }
    }
    left[exit] += 1.0;
    right += answer == static_cast<std::size_t>(jet % 10) ? 1.0 : 0.0;
    multiply_adds +=
        static_cast<double>(c.executor
                                .cost(static_cast<std::int64_t>(exit),
                                      c.jets.multiplicity[static_cast<std::size_t>(jet)])
                                .work.multiply_adds);
  }
  CHECK(values.at("accuracy")[0] == Approx(right / 1000.0));
  CHECK(values.at("multiply_adds")[0] == Approx(multiply_adds / 1000.0));
  for (std::size_t exit = 0; exit < 3; ++exit) {
    CHECK(left[exit] > 0.0);
    CHECK(values.at("exit_fraction")[exit] == Approx(left[exit] / 1000.0));
  }
  CHECK(values.at("accuracy_ci_low")[0] < values.at("accuracy")[0]);
  CHECK(values.at("auc_ci_low")[0] < values.at("auc")[0]);
  CHECK(values.at("auc")[0] < values.at("auc_ci_high")[0]);
}

TEST_CASE("fractions by multiplicity average to the fractions") {
  Case c;
  const auto values = c.values(threshold_point({0.8, 0.8}));
  for (std::size_t exit = 0; exit < 3; ++exit) {
    double sum = 0.0;
    for (std::size_t bin = 0; bin < values.at("jets_multiplicity").size(); ++bin) {
      if (const double jets = values.at("jets_multiplicity")[bin]; jets > 0.0) {
        sum += jets * values.at("exit_fraction_multiplicity")[bin * 3 + exit];
      }
    }
    CHECK(sum / 1000.0 == Approx(values.at("exit_fraction")[exit]));
  }
}

TEST_CASE("a fixed exit costs one head alone and lies on the mixing curve") {
  Case c;
  for (std::int64_t exit = 0; exit < 3; ++exit) {
    const auto values = c.values(fixed_point(exit));
    CHECK(values.at("exit_fraction")[static_cast<std::size_t>(exit)] == 1.0);
    CHECK(values.at("multiply_adds")[0] ==
          Approx(values.at("exit_multiply_adds")[static_cast<std::size_t>(exit)]));
    CHECK(values.at("accuracy_mixing")[0] >= values.at("accuracy")[0] - 1e-12);
  }
  CHECK(c.values(fixed_point(2)).at("relative_cost")[0] == Approx(1.0));
  CHECK(c.values(threshold_point({2.0, 2.0})).at("relative_cost")[0] > 1.0);
}

TEST_CASE("calibration of an exit is that of the jets that leave there") {
  Case c;
  const auto fixed = c.values(fixed_point(1));
  CHECK(fixed.at("calibration_error")[0] > 0.0);
  CHECK(fixed.at("exit_calibration_error")[1] == fixed.at("calibration_error")[0]);
  CHECK(std::isnan(fixed.at("exit_calibration_error")[0]));
  CHECK(std::isnan(fixed.at("exit_calibration_error")[2]));
  const auto leaving = c.values(threshold_point({0.8, 0.6}));
  for (std::size_t exit = 0; exit < 3; ++exit) {
    CHECK(leaving.at("exit_calibration_error")[exit] > 0.0);
  }
}

TEST_CASE("no background that passes gives a flagged lower limit, never infinity") {
  Case c;
  const auto values = c.values(fixed_point(2));
  REQUIRE(values.at("rejection").size() == 10);
  CHECK(std::isnan(values.at("rejection")[0]));  // QCD itself
  bool any_limit = false;
  for (std::size_t i = 1; i < 10; ++i) {
    CHECK(std::isfinite(values.at("rejection")[i]));
    if (values.at("rejection_is_limit")[i] == 1.0) {
      any_limit = true;
      CHECK(std::isnan(values.at("rejection_ci_high")[i]));
    }
  }
  CHECK(any_limit);
}

TEST_CASE("the loss of accuracy is against full depth, jet by jet") {
  Case c;
  const auto full = c.values(fixed_point(2));
  for (const auto* name : {"accuracy_loss", "accuracy_loss_ci_low", "accuracy_loss_ci_high"}) {
    CHECK(full.at(name)[0] == 0.0);
  }
  for (const auto& values : {c.values(fixed_point(0)), c.values(threshold_point({0.8, 0.6}))}) {
    const double loss = full.at("accuracy")[0] - values.at("accuracy")[0];
    CHECK(values.at("accuracy_loss")[0] == Approx(loss).margin(1e-12));
    CHECK(values.at("accuracy_loss_ci_low")[0] < loss);
    CHECK(values.at("accuracy_loss_ci_high")[0] > loss);
    // Of the same jets: narrower than the two accuracies' own intervals.
    CHECK(values.at("accuracy_loss_ci_high")[0] - values.at("accuracy_loss_ci_low")[0] <
          2.0 * (full.at("accuracy_ci_high")[0] - full.at("accuracy_ci_low")[0]));
  }
}

TEST_CASE("the learned rule without gates is refused") {
  bench::Point point = threshold_point({0.8, 0.8});
  point.rule = "learned";
  CHECK_THROWS_AS(bench::rule_of(point, {}, test::ten_classes()), InputError);
}
