#include "eebench/exits/fit.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <utility>

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

/// What a gate is fitted to.
struct Examples {
  std::size_t features;
  std::vector<double> rows;                ///< [jets, features]
  std::vector<double> target;              ///< [jets] 0 or 1
  double positive_weight = 1.0;            ///< of jets whose target is 1
  std::vector<std::int64_t> answers = {};  ///< [jets] classes that have a bias of their own
  std::size_t classes = 0;                 ///< 0: there are none

  std::size_t width() const { return 1 + features + classes; }
  /// 1, features, one-hot answer: [width].
  void write_row(std::size_t jet, std::vector<double>& row) const {
    std::fill(row.begin(), row.end(), 0.0);
    row[0] = 1.0;
    std::copy_n(&rows[jet * features], features, row.begin() + 1);
    if (classes > 0) {
      row[1 + features + static_cast<std::size_t>(answers[jet])] = 1.0;
    }
  }
};

/// Value, gradient and Hessian of the penalised negative log-likelihood at `weights`.
struct Objective {
  double value = 0.0;
  std::vector<double> gradient;
  std::vector<double> hessian;  ///< lower triangle
};

Objective objective(const Examples& examples, const std::vector<double>& weights) {
  constexpr double ridge = 1.0;
  const std::size_t width = examples.width();
  Objective result{0.0, std::vector<double>(width), std::vector<double>(width * width)};
  std::vector<double> x(width);
  for (std::size_t jet = 0; jet < examples.target.size(); ++jet) {
    examples.write_row(jet, x);
    double z = 0.0;
    for (std::size_t i = 0; i < width; ++i) {
      z += x[i] * weights[i];
    }
    const double target = examples.target[jet];
    const double weight = target > 0.0 ? examples.positive_weight : 1.0;
    const double p = 1.0 / (1.0 + std::exp(-z));
    // ln(1 + exp(z)) - y z without overflow
    result.value += weight * (std::max(z, 0.0) + std::log1p(std::exp(-std::abs(z))) - target * z);
    for (std::size_t i = 0; i < width; ++i) {
      result.gradient[i] += weight * (p - target) * x[i];
      if (x[i] != 0.0) {
        for (std::size_t j = 0; j <= i; ++j) {
          result.hessian[i * width + j] += weight * p * (1.0 - p) * x[i] * x[j];
        }
      }
    }
  }
  for (std::size_t i = 1; i < width; ++i) {
    result.value += ridge / 2.0 * weights[i] * weights[i];
    result.gradient[i] += ridge * weights[i];
    result.hessian[i * width + i] += ridge;
  }
  // keeps the bias finite where every target is the same
  result.value += 1e-6 / 2.0 * weights[0] * weights[0];
  result.gradient[0] += 1e-6 * weights[0];
  result.hessian[0] += 1e-6;
  return result;
}

/// Newton's method with step halving; the objective is strictly convex.
std::vector<double> minimise(const Examples& examples) {
  std::vector<double> weights(examples.width(), 0.0);
  Objective now = objective(examples, weights);
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
      next = objective(examples, trial);
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

/// Mean and scale of the features, which become (feature - mean) / scale.
void standardise(Examples& examples, Gate& gate) {
  const std::size_t width = examples.features;
  const double n = static_cast<double>(examples.target.size());
  for (std::size_t i = 0; i < width; ++i) {
    double sum = 0.0;
    for (std::size_t at = i; at < examples.rows.size(); at += width) {
      sum += examples.rows[at];
    }
    const double mean = sum / n;
    double squares = 0.0;
    for (std::size_t at = i; at < examples.rows.size(); at += width) {
      squares += (examples.rows[at] - mean) * (examples.rows[at] - mean);
    }
    const double deviation = std::sqrt(squares / n);
    const double scale = deviation > 1e-9 ? deviation : 1.0;
    for (std::size_t at = i; at < examples.rows.size(); at += width) {
      examples.rows[at] = (examples.rows[at] - mean) / scale;
    }
    gate.mean.push_back(mean);
    gate.scale.push_back(scale);
  }
}

Gate fit_gate(Examples examples) {
  Gate gate;
  standardise(examples, gate);
  const std::vector<double> weights = minimise(examples);
  const auto answer_bias = weights.end() - static_cast<std::ptrdiff_t>(examples.classes);
  gate.bias = weights[0];
  gate.weights.assign(weights.begin() + 1, answer_bias);
  gate.answer_bias.assign(answer_bias, weights.end());
  return gate;
}

template <class Features>
void append(Examples& examples, const Features& features, bool target) {
  examples.rows.insert(examples.rows.end(), features.begin(), features.end());
  examples.target.push_back(target ? 1.0 : 0.0);
}

/// Exit with the smallest loss + lambda * cost, the first of equal ones.
std::size_t best_exit(const Answers& answers, std::size_t jet, double lambda) {
  const auto exits = static_cast<std::size_t>(answers.exits);
  const auto classes = static_cast<std::size_t>(answers.classes);
  const std::span<const double> cost = answers.cost.subspan(jet * exits, exits);
  std::size_t best = 0;
  double least = std::numeric_limits<double>::infinity();
  for (std::size_t exit = 0; exit < exits; ++exit) {
    const auto logits = answers.logits.subspan((jet * exits + exit) * classes, classes);
    const double own = static_cast<double>(logits[static_cast<std::size_t>(answers.labels[jet])]);
    const double loss = summarise(logits).energy - own + lambda * cost[exit] / cost.back();
    if (loss < least) {
      least = loss;
      best = exit;
    }
  }
  return best;
}

}  // namespace

Gate fit_learned(std::span<const float> logits, std::span<const std::int64_t> labels,
                 std::span<const std::int64_t> multiplicity, std::int64_t classes) {
  const std::size_t jets = labels.size();
  const auto width = static_cast<std::size_t>(classes);
  if (jets == 0 || classes < 2 || multiplicity.size() != jets || logits.size() != jets * width) {
    throw InputError(
        fmt::format("cannot fit a gate to {} logits, {} labels and {} multiplicities of {} classes",
                    logits.size(), jets, multiplicity.size(), classes));
  }
  Examples examples{
      .features = std::tuple_size_v<LearnedFeatures>, .rows = {}, .target = {}, .classes = width};
  for (std::size_t jet = 0; jet < jets; ++jet) {
    const Summary summary = summarise(logits.subspan(jet * width, width));
    if (labels[jet] < 0 || labels[jet] >= classes || std::isnan(summary.top[0])) {
      throw InputError(fmt::format(
          "jet {} cannot be used to fit a gate: label {} of {} classes, largest probability {}",
          jet, labels[jet], classes, summary.top[0]));
    }
    append(examples, learned_features(summary, multiplicity[jet]), summary.answer == labels[jet]);
    examples.answers.push_back(summary.answer);
  }
  return fit_gate(std::move(examples));
}

Gate fit_lte(std::span<const float> embedding, std::span<const std::uint8_t> right) {
  const std::size_t width = embedding.size() / right.size();
  Examples examples{.features = width, .rows = {}, .target = {}};
  examples.rows.reserve(embedding.size());
  for (std::size_t jet = 0; jet < right.size(); ++jet) {
    append(examples, embedding.subspan(jet * width, width), right[jet] != 0);
  }
  return fit_gate(std::move(examples));
}

std::vector<Gate> fit_jei(const Answers& answers, double lambda) {
  const auto exits = static_cast<std::size_t>(answers.exits);
  const auto classes = static_cast<std::size_t>(answers.classes);
  std::vector<std::size_t> best;
  for (std::size_t jet = 0; jet < answers.labels.size(); ++jet) {
    best.push_back(best_exit(answers, jet, lambda));
  }
  std::vector<Gate> gates;
  for (std::size_t exit = 0; exit + 1 < exits; ++exit) {
    Examples examples{.features = std::tuple_size_v<JeiFeatures>, .rows = {}, .target = {}};
    for (std::size_t jet = 0; jet < best.size(); ++jet) {
      const auto logits = answers.logits.subspan((jet * exits + exit) * classes, classes);
      append(examples, jei_features(logits), exit >= best[jet]);
    }
    const auto positive =
        static_cast<double>(std::count(examples.target.begin(), examples.target.end(), 1.0));
    const double negative = static_cast<double>(best.size()) - positive;
    examples.positive_weight = negative > 0.0 ? std::min(negative / positive, 5.0) : 1.0;
    gates.push_back(fit_gate(std::move(examples)));
  }
  return gates;
}

Prototypes fit_prototypes(std::span<const float> embedding, std::span<const std::int64_t> labels,
                          std::int64_t classes) {
  const std::size_t width = embedding.size() / labels.size();
  const auto count = static_cast<std::size_t>(classes);
  Prototypes result{std::vector<double>(count * width), std::vector<double>(count)};
  std::vector<double> jets(count);
  const auto for_each_number = [&](const auto& action) {
    for (std::size_t jet = 0; jet < labels.size(); ++jet) {
      const auto c = static_cast<std::size_t>(labels[jet]);
      for (std::size_t i = 0; i < width; ++i) {
        action(c, result.means[c * width + i], static_cast<double>(embedding[jet * width + i]));
      }
    }
  };
  for (const std::int64_t label : labels) {
    jets[static_cast<std::size_t>(label)] += 1.0;
  }
  for_each_number([&](std::size_t c, double& mean, double x) { mean += x / jets[c]; });
  for_each_number([&](std::size_t c, const double& mean, double x) {
    result.scale[c] += (x - mean) * (x - mean) / jets[c];
  });
  std::transform(result.scale.begin(), result.scale.end(), result.scale.begin(),
                 [](double square) { return std::sqrt(square); });
  return result;
}

Fits fit_all(const Answers& answers, double lambda) {
  Fits fits;
  const std::vector<std::uint8_t> right = decide({}, answers).right;
  const auto exits = static_cast<std::size_t>(answers.exits);
  for (std::size_t exit = 0; exit + 1 < exits; ++exit) {
    const std::vector<std::int32_t> here(answers.labels.size(), static_cast<std::int32_t>(exit));
    fits.numbers["learned"].push_back(
        pack(fit_learned(taken_logits(answers.logits, here, answers.exits, answers.classes),
                         answers.labels, answers.multiplicity, answers.classes)));
    std::vector<std::uint8_t> right_here;
    for (std::size_t at = exit; at < right.size(); at += exits) {
      right_here.push_back(right[at]);
    }
    const std::vector<float>& embedding = answers.embeddings[exit];
    fits.numbers["lte"].push_back(pack(fit_lte(embedding, right_here)));
    fits.numbers["prototype"].push_back(
        pack(fit_prototypes(embedding, answers.labels, answers.classes)));
  }
  for (const Gate& gate : fit_jei(answers, lambda)) {
    fits.numbers["jei"].push_back(pack(gate));
  }
  return fits;
}

}  // namespace eebench::exits
