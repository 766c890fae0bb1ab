#include "eebench/stats/auc_interval.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <vector>

#include "eebench/core/random.hpp"
#include "eebench/stats/quantile.hpp"

namespace eebench::stats {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

/// Jets of two classes in rising order of the signal's score.
struct Ranking {
  struct Entry {
    std::size_t jet;
    bool signal;
    bool ends_tie;  ///< the next entry has another score
  };
  std::vector<Entry> entries;
};

/// [jets, classes] softmax.
std::vector<double> softmax(const Predictions& predictions) {
  const auto classes = static_cast<std::size_t>(predictions.classes);
  std::vector<double> result(predictions.logits.begin(), predictions.logits.end());
  for (std::size_t row = 0; row < result.size(); row += classes) {
    double* values = result.data() + row;
    const double largest = *std::max_element(values, values + classes);
    double sum = 0.0;
    for (std::size_t c = 0; c < classes; ++c) {
      values[c] = std::exp(values[c] - largest);
      sum += values[c];
    }
    for (std::size_t c = 0; c < classes; ++c) {
      values[c] /= sum;
    }
  }
  return result;
}

Ranking rank(const Predictions& predictions, const std::vector<double>& scores, std::int64_t signal,
             std::int64_t background) {
  const auto classes = static_cast<std::size_t>(predictions.classes);
  const auto score = [&](std::size_t jet) {
    return scores[jet * classes + static_cast<std::size_t>(signal)];
  };
  Ranking ranking;
  for (std::size_t jet = 0; jet < predictions.labels.size(); ++jet) {
    const std::int64_t label = predictions.labels[jet];
    if (label == signal || label == background) {
      ranking.entries.push_back({jet, label == signal, true});
    }
  }
  std::sort(ranking.entries.begin(), ranking.entries.end(),
            [&](const auto& a, const auto& b) { return score(a.jet) < score(b.jet); });
  for (std::size_t i = 0; i + 1 < ranking.entries.size(); ++i) {
    ranking.entries[i].ends_tie =
        score(ranking.entries[i].jet) != score(ranking.entries[i + 1].jet);
  }
  return ranking;
}

/// AUC with every jet counted `draws` times; NaN where a class was not drawn.
double weighted_auc(const Ranking& ranking, const std::vector<std::int32_t>& draws) {
  double below = 0.0;  // background under the current tie
  double tied = 0.0;
  double tied_signal = 0.0;
  double signal = 0.0;
  double wins = 0.0;
  for (const auto& entry : ranking.entries) {
    const double weight = draws[entry.jet];
    (entry.signal ? tied_signal : tied) += weight;
    if (entry.ends_tie) {
      wins += tied_signal * (below + 0.5 * tied);
      signal += tied_signal;
      below += tied;
      tied = tied_signal = 0.0;
    }
  }
  return signal > 0.0 && below > 0.0 ? wins / (signal * below) : nan;
}

}  // namespace

Interval macro_auc_interval(const Predictions& predictions, std::uint64_t seed,
                            std::int64_t replicas) {
  const std::size_t jets = predictions.labels.size();
  const std::vector<double> scores = softmax(predictions);
  const auto is_nan = [](double score) { return std::isnan(score); };
  if (jets < 2 || std::any_of(scores.begin(), scores.end(), is_nan)) {
    return {nan, nan};
  }
  std::vector<Ranking> rankings;
  for (std::int64_t i = 0; i < predictions.classes; ++i) {
    for (std::int64_t j = 0; j < predictions.classes; ++j) {
      if (i != j) {
        rankings.push_back(rank(predictions, scores, i, j));
      }
    }
  }
  std::vector<double> values;
  std::vector<std::int32_t> draws(jets);
  for (std::int64_t replica = 0; replica < replicas; ++replica) {
    const std::uint64_t key =
        random_key(seed, Stream::bootstrap, {static_cast<std::uint64_t>(replica)});
    std::fill(draws.begin(), draws.end(), 0);
    for (std::size_t i = 0; i < jets; ++i) {
      ++draws[static_cast<std::size_t>(uniform(key, i) * static_cast<double>(jets))];
    }
    double sum = 0.0;
    std::int64_t pairs = 0;
    for (const Ranking& ranking : rankings) {
      if (const double auc = weighted_auc(ranking, draws); !std::isnan(auc)) {
        sum += auc;
        ++pairs;
      }
    }
    if (pairs > 0) {
      values.push_back(sum / static_cast<double>(pairs));
    }
  }
  // Where all jets are ranked right, or all alike, every replica says the same, however few they
  // are.
  if (std::adjacent_find(values.begin(), values.end(), std::not_equal_to<>()) == values.end()) {
    return {nan, nan};
  }
  return {nearest_rank(values, 0.025), nearest_rank(values, 0.975)};
}

}  // namespace eebench::stats
