#include "eebench/stats/classification.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <limits>
#include <utility>
#include <vector>

#include <fmt/core.h>
#include <fmt/format.h>

#include "eebench/core/error.hpp"
#include "eebench/stats/answer.hpp"

namespace eebench::stats {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

std::span<const float> row(const Predictions& predictions, std::size_t jet) {
  const auto classes = static_cast<std::size_t>(predictions.classes);
  return predictions.logits.subspan(jet * classes, classes);
}

void check(const Predictions& predictions) {
  const std::size_t expected =
      predictions.labels.size() * static_cast<std::size_t>(predictions.classes);
  if (predictions.classes < 1 || predictions.logits.size() != expected) {
    throw InputError(fmt::format("{} logits do not fit {} jets of {} classes",
                                 predictions.logits.size(), predictions.labels.size(),
                                 predictions.classes));
  }
  for (std::size_t i = 0; i < predictions.labels.size(); ++i) {
    if (predictions.labels[i] < 0 || predictions.labels[i] >= predictions.classes) {
      throw InputError(fmt::format("label of jet {} is {}, outside the {} classes of the network",
                                   i, predictions.labels[i], predictions.classes));
    }
  }
}

double softmax_of(std::span<const float> logits, std::size_t of) {
  const double largest = static_cast<double>(*std::max_element(logits.begin(), logits.end()));
  double sum = 0.0;
  for (const float logit : logits) {
    sum += std::exp(static_cast<double>(logit) - largest);
  }
  return std::exp(static_cast<double>(logits[of]) - largest) / sum;
}

std::string_view bare(std::string_view name) {
  constexpr std::string_view prefix = "label_";
  return name.starts_with(prefix) ? name.substr(prefix.size()) : name;
}

}  // namespace

Accuracy accuracy(const Predictions& predictions) {
  check(predictions);
  const auto jets = static_cast<std::int64_t>(predictions.labels.size());
  std::int64_t right = 0;
  for (std::size_t i = 0; i < predictions.labels.size(); ++i) {
    right += answer_of(row(predictions, i)) == predictions.labels[i] ? 1 : 0;
  }
  const double value = jets > 0 ? static_cast<double>(right) / static_cast<double>(jets) : nan;
  return {value, wilson_interval(right, jets), right, jets};
}

double calibration_error(const Predictions& predictions) {
  check(predictions);
  constexpr std::size_t bins = 15;
  std::array<double, bins> excess{};  // right answers minus confidences
  for (std::size_t jet = 0; jet < predictions.labels.size(); ++jet) {
    const std::int64_t answer = answer_of(row(predictions, jet));
    if (answer == no_answer) {
      return nan;
    }
    const double confidence = softmax_of(row(predictions, jet), static_cast<std::size_t>(answer));
    const auto bin = std::min(static_cast<std::size_t>(confidence * bins), bins - 1);
    excess[bin] += (answer == predictions.labels[jet] ? 1.0 : 0.0) - confidence;
  }
  double sum = 0.0;
  for (const double of_bin : excess) {
    sum += std::abs(of_bin);
  }
  return sum / static_cast<double>(predictions.labels.size());
}

double binary_auc(std::span<const double> signal, std::span<const double> background) {
  const auto is_nan = [](double value) { return std::isnan(value); };
  if (signal.empty() || background.empty() || std::any_of(signal.begin(), signal.end(), is_nan) ||
      std::any_of(background.begin(), background.end(), is_nan)) {
    return nan;
  }
  std::vector<std::pair<double, bool>> all;  // score, is signal
  all.reserve(signal.size() + background.size());
  for (const double score : signal) {
    all.emplace_back(score, true);
  }
  for (const double score : background) {
    all.emplace_back(score, false);
  }
  std::sort(all.begin(), all.end());
  double won = 0.0;    // pairs in which the signal score exceeds the other
  double below = 0.0;  // background scores below the present one
  for (std::size_t i = 0; i < all.size();) {
    double tied_signal = 0.0;
    double tied_background = 0.0;
    const double score = all[i].first;
    for (; i < all.size() && all[i].first == score; ++i) {
      (all[i].second ? tied_signal : tied_background) += 1.0;
    }
    won += tied_signal * (below + tied_background / 2.0);
    below += tied_background;
  }
  return won / (static_cast<double>(signal.size()) * static_cast<double>(background.size()));
}

double macro_auc(const Predictions& predictions) {
  check(predictions);
  const auto classes = static_cast<std::size_t>(predictions.classes);
  const std::size_t jets = predictions.labels.size();
  std::vector<double> of_class(classes);
  for (const std::int64_t label : predictions.labels) {
    of_class[static_cast<std::size_t>(label)] += 1.0;
  }
  double sum = 0.0;
  std::int64_t areas = 0;
  std::vector<std::pair<double, std::size_t>> ranked(jets);  // score, class of the jet
  for (std::size_t i = 0; i < classes; ++i) {
    for (std::size_t jet = 0; jet < jets; ++jet) {
      ranked[jet] = {softmax_of(row(predictions, jet), i),
                     static_cast<std::size_t>(predictions.labels[jet])};
      if (std::isnan(ranked[jet].first)) {
        return nan;
      }
    }
    std::sort(ranked.begin(), ranked.end());
    // One pass for all other classes: pairs that class i won, jets below the present score, jets
    // that have it.
    std::vector<double> won(classes);
    std::vector<double> below(classes);
    std::vector<double> tied(classes);
    for (std::size_t k = 0; k < jets;) {
      std::fill(tied.begin(), tied.end(), 0.0);
      const double score = ranked[k].first;
      for (; k < jets && ranked[k].first == score; ++k) {
        tied[ranked[k].second] += 1.0;
      }
      for (std::size_t j = 0; j < classes; ++j) {
        won[j] += tied[i] * (below[j] + tied[j] / 2.0);
        below[j] += tied[j];
      }
    }
    for (std::size_t j = 0; j < classes; ++j) {
      if (j != i && of_class[i] > 0.0 && of_class[j] > 0.0) {
        sum += won[j] / (of_class[i] * of_class[j]);
        ++areas;
      }
    }
  }
  return areas > 0 ? sum / static_cast<double>(areas) : nan;
}

Rejection rejection(std::span<const double> signal, std::span<const double> background,
                    double efficiency) {
  const auto total = static_cast<std::int64_t>(background.size());
  const auto is_nan = [](double score) { return std::isnan(score); };
  if (signal.empty() || background.empty() || std::any_of(signal.begin(), signal.end(), is_nan) ||
      std::any_of(background.begin(), background.end(), is_nan)) {
    return {"", efficiency, nan, false, {nan, nan}, 0, total};
  }
  std::vector<double> falling(signal.begin(), signal.end());
  const double wanted = efficiency * static_cast<double>(falling.size()) * (1.0 - 1e-12);
  const auto kept =
      std::clamp(static_cast<std::size_t>(std::ceil(wanted)), std::size_t{1}, falling.size());
  const auto nth = falling.begin() + static_cast<std::ptrdiff_t>(kept - 1);
  std::nth_element(falling.begin(), nth, falling.end(), std::greater<>());
  const double cut = *nth;
  const auto passing = static_cast<std::int64_t>(
      std::count_if(background.begin(), background.end(), [&](double s) { return s >= cut; }));
  const Interval rate = wilson_interval(passing, total);
  if (passing == 0) {
    return {"", efficiency, 1.0 / rate.high, true, {1.0 / rate.high, nan}, 0, total};
  }
  const double value = static_cast<double>(total) / static_cast<double>(passing);
  return {"", efficiency, value, false, {1.0 / rate.high, 1.0 / rate.low}, passing, total};
}

double working_point(std::string_view signal) {
  const std::string_view name = bare(signal);
  if (name == "Hqql") {
    return 0.99;
  }
  return name == "Tbl" ? 0.995 : 0.5;
}

std::string background_class(std::span<const std::string> names) {
  const auto found = std::find_if(names.begin(), names.end(),
                                  [](const std::string& name) { return name.ends_with("QCD"); });
  return found == names.end() ? std::string() : *found;
}

std::vector<Rejection> rejections(const Predictions& predictions,
                                  std::span<const std::string> names, std::string_view background) {
  check(predictions);
  const auto found = std::find_if(names.begin(), names.end(), [&](const std::string& name) {
    return bare(name) == bare(background);
  });
  if (names.size() != static_cast<std::size_t>(predictions.classes) || found == names.end()) {
    throw InputError(fmt::format("no background class {} among the classes {} of {} logits",
                                 background, fmt::join(names, ", "), predictions.classes));
  }
  const auto b = static_cast<std::size_t>(found - names.begin());
  std::vector<Rejection> result;
  for (std::size_t s = 0; s < names.size(); ++s) {
    if (s == b) {
      continue;
    }
    std::vector<double> signal_scores;
    std::vector<double> background_scores;
    for (std::size_t jet = 0; jet < predictions.labels.size(); ++jet) {
      const auto label = static_cast<std::size_t>(predictions.labels[jet]);
      if (label == s || label == b) {
        // orders jets as the ratio of softmax values does, without its saturation
        const std::span<const float> logits = row(predictions, jet);
        (label == s ? signal_scores : background_scores)
            .push_back(static_cast<double>(logits[s]) - static_cast<double>(logits[b]));
      }
    }
    result.push_back(rejection(signal_scores, background_scores, working_point(names[s])));
    result.back().signal = names[s];
  }
  return result;
}

}  // namespace eebench::stats
