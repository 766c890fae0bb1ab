#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "eebench/stats/interval.hpp"

namespace eebench::stats {

/// Answers of a classifier on labelled jets.
struct Predictions {
  std::span<const float> logits;         ///< [jets, classes]
  std::span<const std::int64_t> labels;  ///< [jets], below `classes`
  std::int64_t classes;
};

struct Accuracy {
  double value;  ///< NaN without jets
  Interval interval;
  std::int64_t right;
  std::int64_t jets;
};

/// Share of jets whose answer is their label; a jet without one (stats/answer.hpp) is wrong.
Accuracy accuracy(const Predictions& predictions);

/// Expected calibration error: the mean over jets of |accuracy - confidence|, both taken over the
/// jets whose confidence (largest softmax value) is in the same of 15 equal bins of [0, 1] (Guo et
/// al., arXiv:1706.04599). NaN without jets or where a jet has no answer.
double calibration_error(const Predictions& predictions);

/// Area under the ROC curve: chance that a signal score exceeds a background score, ties counted
/// half. Exact. NaN where either is empty or a score is NaN.
double binary_auc(std::span<const double> signal, std::span<const double> background);

/// Macro one-vs-one AUC: mean over pairs of classes of (AUC(i|j) + AUC(j|i))/2, the score of class
/// i being its softmax over all classes (Hand, Till 2001; scikit-learn's `ovo` with `macro`). Pairs
/// with a class without jets are left out; NaN where no pair remains or a score is NaN.
double macro_auc(const Predictions& predictions);

/// Background rejection, one over the false-positive rate, at a signal efficiency.
struct Rejection {
  std::string signal;
  double efficiency;
  double value;       ///< where nothing passes: the 95 % lower limit
  bool lower_limit;   ///< no background jet passes
  Interval interval;  ///< from Wilson's on the rate; `high` is NaN for a lower limit
  std::int64_t passing;
  std::int64_t background;
};

/// The cut is the highest that keeps at least `efficiency` of the signal; scores equal to the cut
/// pass. Value and interval NaN where signal or background is empty or a score is NaN.
Rejection rejection(std::span<const double> signal, std::span<const double> background,
                    double efficiency);

/// Signal efficiency at which JetClass results are quoted: 99 % for Hqql, 99.5 % for Tbl, 50 % for
/// all others. A leading "label_" is ignored.
double working_point(std::string_view signal);

/// The class that rejections are quoted against: the first whose name ends in "QCD"; empty where
/// there is none.
std::string background_class(std::span<const std::string> names);

/// Rejection of `background` for every other class, by s_signal/(s_signal + s_background), at its
/// working point. `names`: [classes]. Throws InputError if `background` is not among the names.
std::vector<Rejection> rejections(const Predictions& predictions,
                                  std::span<const std::string> names,
                                  std::string_view background = "QCD");

}  // namespace eebench::stats
