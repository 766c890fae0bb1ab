#include "eebench/stats/classification.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "eebench/core/error.hpp"
#include "eebench/stats/compare.hpp"

using namespace eebench;
using namespace eebench::stats;

namespace {

const std::vector<double> signal = {1.1, 2.0, 2.0, 3.5, 4.2, 5.0, 5.0, 6.1, 7.3};
const std::vector<double> background = {2.0, 2.5, 3.5, 4.0, 5.0, 6.5, 7.0, 8.1, 9.2, 9.9};

const std::vector<float> logits = {0.75F, 2.5F, 0.5F, 3.5F, 2.75F, 0.5F, 2.5F, 2.5F, 3.25F,
                                   2.25F, 4.0F, 1.0F, 0.5F, 1.75F, 1.5F, 4.0F, 3.5F, 3.75F,
                                   3.75F, 2.5F, 2.0F, 2.0F, 3.25F, 3.0F, 1.0F, 3.5F, 1.25F,
                                   0.75F, 0.0F, 0.0F, 3.5F, 2.75F, 0.5F, 2.5F, 0.5F, 3.75F};
const std::vector<std::int64_t> labels = {0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2};

}  // namespace

TEST_CASE("binary AUC counts ties half, as scikit-learn does") {
  CHECK(binary_auc(signal, background) == Approx(0.31666666666666665).epsilon(1e-14));
  const std::vector<double> same(5, 1.0);
  CHECK(binary_auc(same, same) == 0.5);
  CHECK(std::isnan(binary_auc({}, same)));
}

TEST_CASE("a jet whose logits are no numbers is answered wrongly, whatever its label") {
  const float nan = std::nanf("");
  const float lowest = -std::numeric_limits<float>::infinity();
  const std::vector<float> spoilt = {nan, 1.0F, 2.0F, 1.0F,   nan,    0.0F,
                                     nan, nan,  nan,  lowest, lowest, lowest};
  for (const std::int64_t label : {0, 1, 2}) {
    const std::vector<std::int64_t> same(4, label);
    CHECK(accuracy({spoilt, same, 3}).right == 0);
  }
}

TEST_CASE("a score that is not a number has no rank: NaN, wherever it stands") {
  const double nan = std::nan("");
  for (std::size_t place = 0; place < signal.size(); ++place) {
    std::vector<double> spoilt = signal;
    spoilt[place] = nan;
    CHECK(std::isnan(binary_auc(spoilt, background)));
    CHECK(std::isnan(binary_auc(background, spoilt)));
    CHECK(std::isnan(rejection(spoilt, background, 0.5).value));
    CHECK(std::isnan(rejection(signal, spoilt, 0.5).interval.low));
  }
  for (const float bad : {std::nanf(""), HUGE_VALF}) {
    std::vector<float> spoilt = logits;
    spoilt[4] = bad;
    CHECK(std::isnan(macro_auc({spoilt, labels, 3})));
  }
}

TEST_CASE("the calibration error is that of three jets by hand") {
  // Confidences 0.9, 0.92 (one bin, one of two right) and 0.6 (right).
  const auto logit = [](double p) { return static_cast<float>(std::log(p / (1.0 - p))); };
  const std::vector<float> two_classes = {logit(0.9), 0.0F, 0.0F, logit(0.92), logit(0.6), 0.0F};
  const std::vector<std::int64_t> truth = {0, 0, 0};
  CHECK(calibration_error({two_classes, truth, 2}) ==
        Approx((std::abs(1.0 - 1.82) + std::abs(1.0 - 0.6)) / 3.0).epsilon(1e-6));
  const std::vector<float> sure = {50.0F, 0.0F, 0.0F, 50.0F};  // confidence 1 is in the last bin
  const std::vector<std::int64_t> half = {0, 0};
  CHECK(calibration_error({sure, half, 2}) == Approx(0.5).epsilon(1e-12));
  const std::vector<std::int64_t> right = {0, 1};
  CHECK(calibration_error({sure, right, 2}) == Approx(0.0).margin(1e-12));
  const std::vector<float> spoilt = {std::nanf(""), 0.0F};
  CHECK(std::isnan(calibration_error({spoilt, std::vector<std::int64_t>{0}, 2})));
  CHECK(std::isnan(calibration_error({{}, {}, 2})));
}

TEST_CASE("macro AUC and accuracy agree with scikit-learn") {
  const Predictions predictions{logits, labels, 3};
  CHECK(macro_auc(predictions) == Approx(0.65625).epsilon(1e-14));
  const Accuracy result = accuracy(predictions);
  CHECK(result.value == 0.5);
  CHECK(result.right == 6);
  CHECK(result.interval.low < 0.5);
}

TEST_CASE("macro AUC is the mean over pairs of classes, each sorted by itself, ties counted half") {
  std::mt19937 random(5);
  std::uniform_int_distribution<int> logit(-2, 2);  // of few values, so that scores tie
  constexpr std::size_t classes = 4;
  std::vector<float> many;
  std::vector<std::int64_t> of;
  std::vector<std::vector<std::vector<double>>> scores(  // [score][label]
      classes, std::vector<std::vector<double>>(classes));
  for (std::size_t jet = 0; jet < 300; ++jet) {
    of.push_back(static_cast<std::int64_t>(jet % 3));  // class 3 has no jets
    for (std::size_t c = 0; c < classes; ++c) {
      many.push_back(static_cast<float>(logit(random)));
    }
    const double largest = *std::max_element(many.end() - classes, many.end());
    double sum = 0.0;
    for (std::size_t c = 0; c < classes; ++c) {
      sum += std::exp(many[classes * jet + c] - largest);
    }
    for (std::size_t c = 0; c < classes; ++c) {
      scores[c][jet % 3].push_back(std::exp(many[classes * jet + c] - largest) / sum);
    }
  }
  double sum = 0.0;
  for (std::size_t i = 0; i < 3; ++i) {
    for (std::size_t j = 0; j < 3; ++j) {
      sum += i == j ? 0.0 : binary_auc(scores[i][i], scores[i][j]);
    }
  }
  CHECK(macro_auc({many, of, classes}) == Approx(sum / 6.0).epsilon(1e-14));
}

TEST_CASE("macro AUC leaves out absent classes") {
  const std::vector<float> two = {3.0F, 0.0F, -9.0F, 0.0F, 1.0F, -9.0F};
  const std::vector<std::int64_t> first_two = {0, 1};
  CHECK(macro_auc({two, first_two, 3}) == 1.0);
  const std::vector<std::int64_t> one = {0, 0};
  CHECK(std::isnan(macro_auc({two, one, 3})));
}

TEST_CASE("labels and sizes that do not fit are refused") {
  const std::vector<std::int64_t> wrong = {0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 3};
  CHECK_THROWS_AS(accuracy({logits, wrong, 3}), InputError);
  CHECK_THROWS_AS(macro_auc({logits, labels, 4}), InputError);
}

TEST_CASE("rejection counts the background above the cut that keeps the signal") {
  // half of 9 signal jets is 5: the cut is the fifth largest, 4.2; six background jets pass
  const Rejection half = rejection(signal, background, 0.5);
  CHECK(half.passing == 6);
  CHECK(half.value == Approx(10.0 / 6.0));
  CHECK(half.interval.low == Approx(1.0 / wilson_interval(6, 10).high));
  CHECK(half.interval.high == Approx(1.0 / wilson_interval(6, 10).low));
  CHECK(rejection(signal, background, 1.0).value == 1.0);
}

TEST_CASE("where no background passes the rejection is a lower limit, never infinite") {
  const std::vector<double> low(100, 0.0);
  const Rejection none = rejection(signal, low, 0.5);
  CHECK(none.lower_limit);
  CHECK(none.passing == 0);
  CHECK(none.value == Approx(1.0 / wilson_interval(0, 100).high));
  CHECK(std::isfinite(none.value));
  CHECK(std::isnan(none.interval.high));
  CHECK(std::isnan(rejection({}, low, 0.5).value));
}

TEST_CASE("every signal class is set against QCD at its own working point") {
  const std::vector<std::string> names = {"label_QCD", "label_Hqql", "label_Tbl"};
  const std::vector<Rejection> all = rejections({logits, labels, 3}, names);
  REQUIRE(all.size() == 2);
  CHECK(all[0].efficiency == 0.99);
  CHECK(all[1].efficiency == 0.995);
  CHECK(working_point("Hbb") == 0.5);
  // Hqql minus QCD: signal -0.75, 1.25, 1.25, -0.75; QCD 1.75, 1.75, -1.25, -0.75
  CHECK(all[0].passing == 3);
  CHECK(all[0].value == Approx(4.0 / 3.0));
  const std::vector<std::string> no_background = {"a", "b", "c"};
  CHECK_THROWS_AS(rejections({logits, labels, 3}, no_background), InputError);
}

TEST_CASE("two answers on the same jets are compared pair by pair") {
  std::vector<std::uint8_t> a(100, 1);
  std::vector<std::uint8_t> b(100, 1);
  std::fill_n(b.begin(), 12, std::uint8_t{0});
  std::fill_n(a.rbegin(), 3, std::uint8_t{0});
  const PairedDifference result = paired_difference(a, b);
  CHECK(result.difference == Approx(0.09));
  CHECK(result.interval.low == Approx(0.010881029788499641).epsilon(1e-9));
  CHECK(result.interval.high == Approx(0.16558955844679446).epsilon(1e-9));
  CHECK_THROWS_AS(paired_difference(a, std::span(b).first(99)), InputError);
}
