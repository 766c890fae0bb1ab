#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <span>

namespace eebench::exits {

/// What the rules need to know of the logits of one jet.
struct Summary {
  std::array<double, 3> top;  ///< largest softmax values in falling order; 0 beyond the classes
  double entropy_confidence;  ///< 1 + sum p ln p / ln(classes), in [0, 1]
  double log_odds;            ///< ln p1/(1 - p1)
  double logit_margin;        ///< largest minus second largest logit
  double weight_sum;          ///< sum over classes of exp(z - largest logit)
  double energy;              ///< ln of the sum over classes of exp(z)
  std::int64_t answer;        ///< class of the largest logit, the first of equal ones
};

/// `logits`: [classes], at least 2. Any NaN makes every number NaN and the answer meaningless; a
/// class at minus infinity has probability 0.
inline Summary summarise(std::span<const float> logits) {
  constexpr double lowest = -std::numeric_limits<double>::infinity();
  std::array<double, 3> largest = {lowest, lowest, lowest};
  std::int64_t answer = 0;
  bool valid = true;
  for (std::size_t c = 0; c < logits.size(); ++c) {
    double z = static_cast<double>(logits[c]);
    valid = valid && !std::isnan(z);
    if (z > largest[0]) {
      answer = static_cast<std::int64_t>(c);
    }
    for (double& slot : largest) {
      if (z > slot) {
        std::swap(z, slot);
      }
    }
  }
  if (!valid || !std::isfinite(largest[0])) {
    constexpr double nan = std::numeric_limits<double>::quiet_NaN();
    return {{nan, nan, nan}, nan, nan, nan, nan, nan, answer};
  }
  double others = 0.0;    // sum of exp(z - max) without the answer
  double weighted = 0.0;  // sum of exp(z - max) (z - max)
  for (std::size_t c = 0; c < logits.size(); ++c) {
    const double distance = static_cast<double>(logits[c]) - largest[0];
    const double weight = std::exp(distance);
    if (static_cast<std::int64_t>(c) != answer) {
      others += weight;
    }
    weighted += weight > 0.0 ? weight * distance : 0.0;
  }
  const double sum = 1.0 + others;
  // sum p ln p = sum p (z - max) - ln(sum)
  const double confidence =
      1.0 + (weighted / sum - std::log(sum)) / std::log(static_cast<double>(logits.size()));
  Summary summary;
  for (std::size_t i = 0; i < 3; ++i) {
    summary.top[i] = std::exp(largest[i] - largest[0]) / sum;
  }
  summary.entropy_confidence = std::clamp(confidence, 0.0, 1.0);
  summary.log_odds = -std::log(others);
  summary.logit_margin = largest[0] - largest[1];
  summary.weight_sum = sum;
  summary.energy = largest[0] + std::log(sum);
  summary.answer = answer;
  return summary;
}

}  // namespace eebench::exits
