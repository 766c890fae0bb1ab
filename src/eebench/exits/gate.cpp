#include "eebench/exits/gate.hpp"

#include <algorithm>
#include <cstddef>

#include <fmt/core.h>

#include "eebench/core/error.hpp"

namespace eebench::exits {
namespace {

/// Solves A x = b for symmetric positive definite A [n, n], given by its lower triangle, by
/// Cholesky's method.
std::vector<double> solve(std::vector<double> a, std::vector<double> b) {
  const std::size_t n = b.size();
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j <= i; ++j) {
      double sum = a[i * n + j];
      for (std::size_t k = 0; k < j; ++k) {
        sum -= a[i * n + k] * a[j * n + k];
      }
      a[i * n + j] = i == j ? std::sqrt(sum) : sum / a[j * n + j];
    }
    for (std::size_t k = 0; k < i; ++k) {
      b[i] -= a[i * n + k] * b[k];
    }
    b[i] /= a[i * n + i];
  }
  for (std::size_t i = n; i-- > 0;) {
    for (std::size_t k = i + 1; k < n; ++k) {
      b[i] -= a[k * n + i] * b[k];
    }
    b[i] /= a[i * n + i];
  }
  return b;
}

struct Design {
  std::vector<double> rows;  ///< [jets, width]: 1, standardised features, one-hot answer
  std::vector<double> right;
  std::size_t width;
};

/// Value, gradient and Hessian of the penalised negative log-likelihood at `weights`.
struct Objective {
  double value = 0.0;
  std::vector<double> gradient;
  std::vector<double> hessian;  ///< lower triangle
};

Objective objective(const Design& design, const std::vector<double>& weights, double ridge) {
  const std::size_t width = design.width;
  Objective result{0.0, std::vector<double>(width), std::vector<double>(width * width)};
  for (std::size_t jet = 0; jet < design.right.size(); ++jet) {
    const double* x = design.rows.data() + jet * width;
    double z = 0.0;
    for (std::size_t i = 0; i < width; ++i) {
      z += x[i] * weights[i];
    }
    const double p = 1.0 / (1.0 + std::exp(-z));
    // ln(1 + exp(z)) - y z without overflow
    result.value += std::max(z, 0.0) + std::log1p(std::exp(-std::abs(z))) - design.right[jet] * z;
    for (std::size_t i = 0; i < width; ++i) {
      result.gradient[i] += (p - design.right[jet]) * x[i];
      if (x[i] != 0.0) {
        for (std::size_t j = 0; j <= i; ++j) {
          result.hessian[i * width + j] += p * (1.0 - p) * x[i] * x[j];
        }
      }
    }
  }
  for (std::size_t i = 1; i < width; ++i) {
    result.value += ridge / 2.0 * weights[i] * weights[i];
    result.gradient[i] += ridge * weights[i];
    result.hessian[i * width + i] += ridge;
  }
  // keeps the bias finite where every answer is right
  result.value += 1e-6 / 2.0 * weights[0] * weights[0];
  result.gradient[0] += 1e-6 * weights[0];
  result.hessian[0] += 1e-6;
  return result;
}

/// Newton's method with step halving; the objective is strictly convex.
std::vector<double> minimise(const Design& design, double ridge) {
  std::vector<double> weights(design.width, 0.0);
  Objective now = objective(design, weights, ridge);
  for (int iteration = 0; iteration < 100; ++iteration) {
    const std::vector<double> step = solve(now.hessian, now.gradient);
    double decrease = 0.0;
    for (std::size_t i = 0; i < step.size(); ++i) {
      decrease += step[i] * now.gradient[i];
    }
    if (decrease < 1e-10) {
      break;
    }
    double length = 1.0;
    std::vector<double> trial(weights.size());
    Objective next;
    do {
      for (std::size_t i = 0; i < trial.size(); ++i) {
        trial[i] = weights[i] - length * step[i];
      }
      next = objective(design, trial, ridge);
      length /= 2.0;
    } while (next.value > now.value && length > 1e-6);
    if (next.value >= now.value) {
      break;
    }
    weights = trial;
    now = next;
  }
  return weights;
}

void standardise(std::span<const Features> features, Gate& gate) {
  const double n = static_cast<double>(features.size());
  for (std::size_t i = 0; i < gate_features; ++i) {
    double sum = 0.0;
    for (const Features& f : features) {
      sum += f[i];
    }
    gate.mean[i] = sum / n;
    double squares = 0.0;
    for (const Features& f : features) {
      squares += (f[i] - gate.mean[i]) * (f[i] - gate.mean[i]);
    }
    const double deviation = std::sqrt(squares / n);
    gate.scale[i] = deviation > 1e-9 ? deviation : 1.0;
  }
}

}  // namespace

Gate fit_gate(std::span<const float> logits, std::span<const std::int64_t> labels,
              std::span<const std::int64_t> multiplicity, std::int64_t classes, double ridge) {
  const std::size_t jets = labels.size();
  const auto width = static_cast<std::size_t>(classes);
  if (jets == 0 || classes < 2 || multiplicity.size() != jets || logits.size() != jets * width) {
    throw InputError(
        fmt::format("cannot fit a gate to {} logits, {} labels and {} multiplicities of {} classes",
                    logits.size(), jets, multiplicity.size(), classes));
  }
  if (!(ridge > 0.0)) {
    throw InputError(fmt::format("the ridge penalty of a gate must be positive, not {}", ridge));
  }
  std::vector<Features> features(jets);
  std::vector<std::int64_t> answers(jets);
  Design design{{}, std::vector<double>(jets), 1 + gate_features + width};
  for (std::size_t jet = 0; jet < jets; ++jet) {
    const Summary summary = summarise(logits.subspan(jet * width, width));
    if (labels[jet] < 0 || labels[jet] >= classes || std::isnan(summary.top[0])) {
      throw InputError(fmt::format(
          "jet {} cannot be used to fit a gate: label {} of {} classes, largest probability {}",
          jet, labels[jet], classes, summary.top[0]));
    }
    features[jet] = features_of(summary, multiplicity[jet]);
    answers[jet] = summary.answer;
    design.right[jet] = summary.answer == labels[jet] ? 1.0 : 0.0;
  }
  Gate gate{{}, {}, {}, 0.0, std::vector<double>(width)};
  standardise(features, gate);
  design.rows.assign(jets * design.width, 0.0);
  for (std::size_t jet = 0; jet < jets; ++jet) {
    double* x = design.rows.data() + jet * design.width;
    x[0] = 1.0;
    for (std::size_t i = 0; i < gate_features; ++i) {
      x[1 + i] = (features[jet][i] - gate.mean[i]) / gate.scale[i];
    }
    x[1 + gate_features + static_cast<std::size_t>(answers[jet])] = 1.0;
  }
  const std::vector<double> weights = minimise(design, ridge);
  gate.bias = weights[0];
  std::copy_n(weights.begin() + 1, gate_features, gate.weights.begin());
  std::copy(weights.begin() + 1 + gate_features, weights.end(), gate.answer_bias.begin());
  return gate;
}

std::vector<double> pack(const Gate& gate) {
  std::vector<double> numbers(gate.mean.begin(), gate.mean.end());
  numbers.insert(numbers.end(), gate.scale.begin(), gate.scale.end());
  numbers.insert(numbers.end(), gate.weights.begin(), gate.weights.end());
  numbers.push_back(gate.bias);
  numbers.insert(numbers.end(), gate.answer_bias.begin(), gate.answer_bias.end());
  return numbers;
}

Gate unpack(std::span<const double> numbers) {
  constexpr std::size_t fixed = 3 * gate_features + 1;
  if (numbers.size() < fixed + 2) {
    throw InputError(fmt::format("a gate has at least {} numbers, not {}: fit it again", fixed + 2,
                                 numbers.size()));
  }
  Gate gate;
  const auto at = [&](std::size_t i) {
    return numbers.begin() + static_cast<std::ptrdiff_t>(i * gate_features);
  };
  std::copy_n(at(0), gate_features, gate.mean.begin());
  std::copy_n(at(1), gate_features, gate.scale.begin());
  std::copy_n(at(2), gate_features, gate.weights.begin());
  gate.bias = numbers[fixed - 1];
  gate.answer_bias.assign(numbers.begin() + fixed, numbers.end());
  return gate;
}

}  // namespace eebench::exits
