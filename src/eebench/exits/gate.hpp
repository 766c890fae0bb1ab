#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "eebench/exits/scores.hpp"

namespace eebench::exits {

/// What was fitted for a network, as plain numbers: by rule, for each early exit.
struct Fits {
  std::string where = "the weights";  ///< file that it is stored in
  std::map<std::string, std::vector<std::vector<double>>, std::less<>> numbers = {};
};

/// Logistic regression on standardised features: a chance.
struct Gate {
  std::vector<double> mean;  ///< [features]
  std::vector<double> scale;
  std::vector<double> weights;
  double bias = 0.0;
  std::vector<double> answer_bias = {};  ///< [classes] added for the class answered; may be empty
};

/// `features`: [features]; `offset`: added to the bias.
template <class Features>
double chance(const Gate& gate, const Features& features, double offset = 0.0) {
  double z = gate.bias + offset;
  for (std::size_t i = 0; i < gate.weights.size(); ++i) {
    z += gate.weights[i] * (static_cast<double>(features[i]) - gate.mean[i]) / gate.scale[i];
  }
  return 1.0 / (1.0 + std::exp(-z));
}

using LearnedFeatures = std::array<double, 7>;
using JeiFeatures = std::array<double, 4>;

/// What `learned` looks at besides the class that its exit answers: three largest softmax values,
/// entropy confidence, log-odds, logit margin, log multiplicity.
inline LearnedFeatures learned_features(const Summary& summary, std::int64_t multiplicity) {
  constexpr double limit = 20.0;  // beyond it float32 softmax is 1 anyway
  return {summary.top[0],
          summary.top[1],
          summary.top[2],
          summary.entropy_confidence,
          std::clamp(summary.log_odds, -limit, limit),
          std::clamp(summary.logit_margin, 0.0, limit),
          std::log(static_cast<double>(multiplicity < 1 ? 1 : multiplicity))};
}

/// What `jei` looks at: largest softmax value p, entropy confidence, margin, and the entropy
/// confidence of p^2 / sum p^2, which is the softmax of twice the logits [classes].
inline JeiFeatures jei_features(std::span<const float> logits) {
  std::vector<float> twice(logits.begin(), logits.end());
  std::transform(twice.begin(), twice.end(), twice.begin(), [](float z) { return 2.0F * z; });
  const Summary summary = summarise(logits);
  return {summary.top[0], summary.entropy_confidence, summary.top[0] - summary.top[1],
          summarise(twice).entropy_confidence};
}

/// The gate as plain numbers: mean, scale, weights, bias, answer_bias.
std::vector<double> pack(const Gate& gate);

/// Inverse of `pack`; the numbers behind those of `features` features are the answer_bias.
Gate unpack_gate(std::span<const double> numbers, std::size_t features);

}  // namespace eebench::exits
