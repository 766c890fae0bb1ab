#include "eebench/exits/choose.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "eebench/core/error.hpp"
#include "eebench/core/random.hpp"
#include "eebench/exits/baselines.hpp"

using namespace eebench;
using namespace eebench::exits;

namespace {

/// Scores that tell whether an exit is right; deeper exits are right more often.
Decisions synthetic(std::int64_t exits, std::size_t jets, std::uint64_t seed) {
  Decisions d{{}, {}, {}, exits};
  const std::uint64_t key = random_key(seed, Stream::split, {});
  for (std::size_t jet = 0; jet < jets; ++jet) {
    const double hardness = uniform(key, 100 * jet);
    double cost = 0.0;
    for (std::int64_t k = 0; k < exits; ++k) {
      const auto counter = 100 * jet + 3 * static_cast<std::uint64_t>(k) + 1;
      const double skill = 0.4 + 0.5 * static_cast<double>(k + 1) / static_cast<double>(exits);
      const double chance = std::clamp(skill + 0.7 * (0.5 - hardness), 0.0, 1.0);
      d.right.push_back(uniform(key, counter) < chance ? 1 : 0);
      cost += 1.0 + uniform(key, counter + 1);
      d.cost.push_back(cost);
      if (k + 1 < exits) {
        d.scores.push_back(
            static_cast<float>(std::clamp(chance + 0.1 * uniform(key, counter + 2), 0.0, 1.0)));
      }
    }
  }
  return d;
}

double best_by_force(const Decisions& d, double least_accuracy) {
  std::vector<std::vector<double>> cuts(2, {never_leave});
  for (std::size_t i = 0; i < d.scores.size(); ++i) {
    cuts[i % 2].push_back(static_cast<double>(d.scores[i]));
  }
  double best = std::numeric_limits<double>::infinity();
  for (const double first : cuts[0]) {
    for (const double second : cuts[1]) {
      const Replay r = replay(d, std::vector<double>{first, second});
      if (r.accuracy >= least_accuracy - 1e-12) {
        best = std::min(best, r.mean_cost);
      }
    }
  }
  return best;
}

}  // namespace

TEST_CASE("jets leave at the first exit whose score reaches its threshold") {
  const Decisions d{{0.9F, 0.1F, 0.2F, 0.8F, 0.3F, 0.4F, 0.8F, 0.9F},
                    {1, 1, 1, 0, 1, 1, 0, 0, 1, 0, 0, 1},
                    {1, 2, 4, 1, 2, 4, 1, 2, 4, 2, 4, 8},
                    3};
  CHECK(exit_index(d.scores, std::vector<double>{static_cast<double>(0.9F), 0.8}, 4) ==
        std::vector<std::int32_t>{0, 1, 2, 1});
  const Replay r = replay(d, std::vector<double>{0.85, 0.75});
  CHECK(r.accuracy == 0.75);
  CHECK(r.mean_cost == Approx((1.0 + 2.0 + 4.0 + 4.0) / 4.0));
  CHECK(r.exit_fraction == std::vector<double>{0.25, 0.5, 0.25});
  CHECK(r.exit_accuracy == std::vector<double>{1.0, 0.5, 1.0});
}

TEST_CASE("threshold 0 sends everybody out first and one above 1 nobody") {
  const Decisions d = synthetic(4, 300, 1);
  CHECK(replay(d, std::vector<double>{0.0}).exit_fraction[0] == 1.0);
  const Replay none = replay(d, std::vector<double>{1.01});
  CHECK(none.exit_fraction[3] == 1.0);
  CHECK(std::isnan(none.exit_accuracy[0]));
}

TEST_CASE("a higher threshold never lets a jet leave earlier") {
  const Decisions d = synthetic(3, 300, 2);
  std::vector<std::int32_t> before(300, 0);
  for (double t = 0.0; t <= 1.0; t += 0.05) {
    const auto now = exit_index(d.scores, std::vector<double>{t, t}, 300);
    CHECK(std::equal(before.begin(), before.end(), now.begin(), std::less_equal<>()));
    before = now;
  }
}

TEST_CASE("decide scores early exits, judges all and refuses what does not fit") {
  const std::vector<float> logits = {2.0F, 0.0F, 0.0F, 3.0F};
  const std::vector<std::int64_t> label = {1};
  const std::vector<std::int64_t> n = {20};
  const std::vector<float> pt = {500.0F};
  const std::vector<double> cost = {1.0, 2.0};
  const Decisions d = decide({}, {logits, label, n, pt, cost, 2, 2});
  CHECK(d.jets() == 1);
  CHECK(d.scores[0] == Approx(0.8807970779778823));
  CHECK(d.right == std::vector<std::uint8_t>{0, 1});
  CHECK(decide({}, {logits, label, n, pt, {}, 2, 2}).scores == d.scores);
  CHECK(taken_logits(logits, std::vector<std::int32_t>{1}, 2, 2) == std::vector<float>{0.0F, 3.0F});
  CHECK_THROWS_AS(decide({}, {logits, label, n, pt, cost, 4, 1}), InputError);
  CHECK_THROWS_AS(decide({}, {logits, label, n, {}, cost, 2, 2}), InputError);
}

TEST_CASE("decide gives each exit what is known of its own jet so far") {
  // Two jets, three exits, two classes; answers 0 0 1 and 1 0 0.
  const std::vector<float> logits = {1.0F, 0.0F, 2.0F, 0.0F, 0.0F, 1.0F,
                                     0.0F, 1.0F, 2.0F, 0.0F, 3.0F, 0.0F};
  const std::vector<std::int64_t> labels = {0, 0};
  const std::vector<std::int64_t> n = {20, 40};
  const std::vector<float> pt = {500.0F, 600.0F};
  const std::vector<std::string> classes = {"a", "b"};
  const auto scores = [&](const char* rule) {
    return decide(make_rule(rule, {}, 3, classes), {logits, labels, n, pt, {}, 3, 2}).scores;
  };
  CHECK(scores("patience") == std::vector<float>{0.0F, 1.0F, 0.0F, 0.0F});
  CHECK(scores("vote") == std::vector<float>{1.0F, 1.0F, 1.0F, 0.5F});
  CHECK(scores("multiplicity + exit") == std::vector<float>{20.0F, 21.0F, 40.0F, 41.0F});
  CHECK(scores("jet_pt") == std::vector<float>{500.0F, 500.0F, 600.0F, 600.0F});
}

TEST_CASE("with two early exits the choice is the best of all threshold vectors") {
  const Decisions d = synthetic(3, 60, 3);
  const std::vector<Choice> front = pareto_front(d, 1000);
  const double full = replay(d, std::vector<double>{never_leave}).accuracy;
  for (const double loss : {0.0, 0.02, 0.05, 0.1}) {
    const Choice& choice = cheapest_within(front, full, loss);
    CHECK(choice.mean_cost == Approx(best_by_force(d, full - loss)));
    CHECK(choice.accuracy >= full - loss - 1e-9);
  }
}

TEST_CASE("what a front promises is what its thresholds do") {
  for (const std::int64_t exits : {2, 3, 4, 6}) {
    const Decisions d = synthetic(exits, 400, 4);
    for (const std::vector<Choice>& front : {pareto_front(d, 40), shared_front(d, 40)}) {
      REQUIRE(front.size() > 3);
      for (std::size_t i = 0; i < front.size(); ++i) {
        const Replay r = replay(d, front[i].thresholds);
        CHECK(r.accuracy == Approx(front[i].accuracy));
        CHECK(r.mean_cost == Approx(front[i].mean_cost));
        if (i > 0) {
          CHECK(front[i].mean_cost > front[i - 1].mean_cost);
          CHECK(front[i].accuracy > front[i - 1].accuracy);
        }
      }
    }
  }
}

TEST_CASE("thresholds of their own are no worse than a shared one") {
  for (const std::int64_t exits : {3, 5}) {
    const Decisions d = synthetic(exits, 2000, 5);
    const double full = replay(d, std::vector<double>{never_leave}).accuracy;
    const double own = cheapest_within(pareto_front(d, 200), full, 0.01).mean_cost;
    const double shared = cheapest_within(shared_front(d, 200), full, 0.01).mean_cost;
    CHECK(own <= shared * 1.01);
    CHECK(own < replay(d, std::vector<double>{never_leave}).mean_cost);
  }
}

TEST_CASE("scores that are NaN stay to the end") {
  Decisions d = synthetic(3, 50, 6);
  d.scores[0] = std::numeric_limits<float>::quiet_NaN();
  d.scores[1] = std::numeric_limits<float>::quiet_NaN();
  CHECK(exit_index(d.scores, std::vector<double>{0.0, 0.0}, 50)[0] == 2);
  for (const Choice& choice : pareto_front(d, 20)) {
    CHECK(replay(d, choice.thresholds).mean_cost == Approx(choice.mean_cost));
  }
}

TEST_CASE("the cheapest thresholds that lose little enough are chosen, else the most accurate") {
  const std::vector<Choice> front = {
      {{0.1}, 0.5, 1.0}, {{0.5}, 0.7, 2.0}, {{never_leave}, 0.8, 3.0}};
  CHECK(cheapest_within(front, 0.8, 0.1).mean_cost == 2.0);
  CHECK(cheapest_within(front, 0.95, 0.1).mean_cost == 3.0);
  CHECK_THROWS_AS(cheapest_within({}, 0.8, 0.1), InputError);
  CHECK_THROWS_AS(pareto_front(Decisions{{}, {1, 0}, {1.0, 1.0}, 1}), InputError);
}

TEST_CASE("mixing two exits follows the upper hull") {
  const std::vector<OperatingPoint> points = {{1.0, 0.5}, {2.0, 0.55}, {3.0, 0.8}, {4.0, 0.7}};
  const std::vector<OperatingPoint> hull = upper_hull(points);
  REQUIRE(hull.size() == 2);
  CHECK(hull[1].mean_cost == 3.0);
  CHECK(mixed_accuracy(points, 2.0) == Approx(0.65));
  CHECK(mixed_accuracy(points, 5.0) == 0.8);
  CHECK(std::isnan(mixed_accuracy(points, 0.5)));
}

TEST_CASE("fixed exits have the accuracy of that exit at the cost given") {
  const Decisions d{{0.5F, 0.5F}, {0, 1, 1, 1}, {1, 3, 1, 3}, 2};
  const std::vector<OperatingPoint> points =
      fixed_exits(d, std::vector<double>{1.0, 2.0, 3.0, 4.0});
  CHECK(points[0].accuracy == 0.5);
  CHECK(points[0].mean_cost == 2.0);
  CHECK(points[1].accuracy == 1.0);
  CHECK(points[1].mean_cost == 3.0);
  CHECK_THROWS_AS(fixed_exits(d, std::vector<double>{1.0}), InputError);
}

TEST_CASE("an exit whose logits are no numbers is wrong, whatever the label") {
  const float nan = std::nanf("");
  const std::vector<float> logits = {2.0F, 1.0F, nan, 1.0F, 2.0F, 1.0F, nan, nan};  // [2, 2, 2]
  const std::vector<std::int64_t> labels = {0, 0};
  const std::vector<std::int64_t> multiplicity = {5, 5};
  const std::vector<float> jet_pt = {600.0F, 600.0F};
  const Decisions d = decide({}, {.logits = logits,
                                  .labels = labels,
                                  .multiplicity = multiplicity,
                                  .jet_pt = jet_pt,
                                  .exits = 2,
                                  .classes = 2});
  CHECK(d.right == std::vector<std::uint8_t>{1, 0, 1, 0});
}
