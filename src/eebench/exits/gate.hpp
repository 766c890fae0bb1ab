#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <span>
#include <vector>

#include "eebench/exits/scores.hpp"

namespace eebench::exits {

/// Numbers a gate looks at besides the class that its exit answers: three largest softmax values,
/// entropy confidence, log-odds, logit margin, log multiplicity.
inline constexpr std::size_t gate_features = 7;

using Features = std::array<double, gate_features>;

inline Features features_of(const Summary& summary, std::int64_t multiplicity) {
  constexpr double limit = 20.0;  // beyond it float32 softmax is 1 anyway
  return {summary.top[0],
          summary.top[1],
          summary.top[2],
          summary.entropy_confidence,
          std::clamp(summary.log_odds, -limit, limit),
          std::clamp(summary.logit_margin, 0.0, limit),
          std::log(static_cast<double>(multiplicity < 1 ? 1 : multiplicity))};
}

/// Logistic regression on standardised features of one exit's logits: chance that its answer is
/// right.
struct Gate {
  Features mean;
  Features scale;
  Features weights;
  double bias;
  std::vector<double> answer_bias;  ///< [classes] added for the class answered
};

inline double chance_right(const Gate& gate, const Summary& summary, std::int64_t multiplicity) {
  const Features features = features_of(summary, multiplicity);
  double z = gate.bias + gate.answer_bias[static_cast<std::size_t>(summary.answer)];
  for (std::size_t i = 0; i < gate_features; ++i) {
    z += gate.weights[i] * (features[i] - gate.mean[i]) / gate.scale[i];
  }
  return 1.0 / (1.0 + std::exp(-z));
}

/// Fits a gate by Newton's method with a ridge penalty of `ridge`/2 times the squared weights (the
/// bias is free). `logits`: [jets, classes] of this exit; `labels`, `multiplicity`: [jets]. Use
/// jets that the network was not trained on. Throws InputError on sizes that do not fit, labels out
/// of range, no jets, or logits that are NaN.
Gate fit_gate(std::span<const float> logits, std::span<const std::int64_t> labels,
              std::span<const std::int64_t> multiplicity, std::int64_t classes, double ridge = 1.0);

/// The gate as plain numbers: mean, scale, weights, bias, answer_bias.
std::vector<double> pack(const Gate& gate);

/// Inverse of `pack`. Throws InputError if there are too few numbers for two classes.
Gate unpack(std::span<const double> numbers);

}  // namespace eebench::exits
