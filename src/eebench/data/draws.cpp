#include "eebench/data/draws.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>

#include <fmt/format.h>

#include "eebench/core/error.hpp"
#include "eebench/core/random.hpp"
#include "eebench/data/jet_values.hpp"

namespace eebench::data {
namespace {

constexpr double mean_weight_most = 0.9;  ///< so that drawing is random in the rarest class too
constexpr std::int64_t draws_most = 10;   ///< of one jet

/// Of some jets, what their weights are made of.
struct Table {
  std::vector<Column> variables;  ///< of the bins, two
  std::vector<Column> classes;    ///< 1 for its jets
  Column base;
};

/// Of the file's jets that are named, in their order.
std::vector<Column> values_of(const JetFile& file, const DataConfig& config,
                              std::span<const Expression> formulas,
                              std::span<const std::int64_t> jets) {
  constexpr std::int64_t jets_per_read = 1 << 16;
  std::vector<Column> all(formulas.size());
  for (std::size_t i = 0; i < jets.size();) {
    const std::int64_t first = jets[i];
    const std::int64_t last = std::min(first + jets_per_read, file.jets());
    const std::vector<Column> read = jet_values(file, config, "weights", formulas, first, last);
    for (; i < jets.size() && jets[i] < last; ++i) {
      for (std::size_t f = 0; f < all.size(); ++f) {
        all[f].push_back(read[f][static_cast<std::size_t>(jets[i] - first)]);
      }
    }
  }
  return all;
}

Table read_table(const JetFile& file, const DataConfig& config,
                 std::span<const std::int64_t> jets) {
  const Weights& weights = *config.weights;
  std::vector<Expression> formulas;
  for (const Bins& bins : weights.bins) {
    formulas.push_back(bins.variable);
  }
  for (const auto& [member, share] : weights.classes) {
    formulas.push_back(member);
  }
  formulas.push_back(weights.base ? *weights.base : Expression("1"));
  std::vector<Column> values = values_of(file, config, formulas, jets);
  Table table;
  table.base = std::move(values.back());
  values.pop_back();
  table.variables.assign(values.begin(), values.begin() + 2);
  table.classes.assign(values.begin() + 2, values.end());
  return table;
}

/// The bin that a value lies in, the last with its upper edge; beyond them the outermost, or -1.
std::int64_t bin_of(double value, const std::vector<double>& edges, bool discard) {
  if (!(value >= edges.front() && value <= edges.back()) && discard) {
    return -1;
  }
  const auto above = std::upper_bound(edges.begin(), edges.end(), value) - edges.begin();
  return std::clamp<std::int64_t>(above - 1, 0, static_cast<std::int64_t>(edges.size()) - 2);
}

double percentile(std::vector<double> values, double percent) {
  std::sort(values.begin(), values.end());
  const double place = percent / 100.0 * static_cast<double>(values.size() - 1);
  const auto below = static_cast<std::size_t>(place);
  const std::size_t above = std::min(below + 1, values.size() - 1);
  return std::lerp(values[below], values[above], place - static_cast<double>(below));
}

std::vector<double> above(const std::vector<double>& values, double bound) {
  std::vector<double> found;
  std::copy_if(values.begin(), values.end(), std::back_inserter(found),
               [&](double x) { return x > bound; });
  return found;
}

/// numerator / filled between 0 and 1, and 0 in empty bins.
double ratio(double numerator, double filled) {
  return filled == 0.0 ? 0.0 : std::clamp(numerator / filled, 0.0, 1.0);
}

/// Factors of the bins of one class by what they, and those of the first class, hold.
std::vector<double> factors(const std::vector<double>& filled, const std::vector<double>& first,
                            const Weights& weights) {
  std::vector<double> result;
  if (weights.flat) {
    constexpr double least = 0.01;  // of the median
    const double median = percentile(above(filled, 0.0), 50.0);
    const double level = percentile(above(filled, least * median), weights.threshold);
    for (const double content : filled) {
      result.push_back(ratio(level, content));
    }
    return result;
  }
  for (std::size_t b = 0; b < filled.size(); ++b) {
    result.push_back(filled[b] == 0.0 ? 0.0 : first[b] / filled[b]);
  }
  const std::vector<double> shared = above(result, 0.0);
  const double level = shared.empty() ? 1.0 : percentile(shared, 100.0 - weights.threshold);
  for (double& factor : result) {
    factor = std::clamp(factor / level, 0.0, 1.0);
  }
  return result;
}

std::vector<float> by_bins(const JetFile& file, const DataConfig& config,
                           std::span<const std::int64_t> jets) {
  const Weights& weights = *config.weights;
  const Table table = read_table(file, config, jets);
  const std::vector<double>& x = weights.bins[0].edges;
  const std::vector<double>& y = weights.bins[1].edges;
  const std::size_t bins = (x.size() - 1) * (y.size() - 1);
  const std::size_t classes = weights.classes.size();
  std::vector<std::int64_t> bin(jets.size(), -1);
  std::vector<std::vector<double>> filled(classes, std::vector<double>(bins));
  for (std::size_t j = 0; j < jets.size(); ++j) {
    const std::int64_t column = bin_of(table.variables[0][j], x, weights.discard);
    const std::int64_t row = bin_of(table.variables[1][j], y, weights.discard);
    if (column < 0 || row < 0) {
      continue;
    }
    bin[j] = column * static_cast<std::int64_t>(y.size() - 1) + row;
    for (std::size_t c = 0; c < classes; ++c) {
      if (table.classes[c][j] == 1.0F) {
        filled[c][static_cast<std::size_t>(bin[j])] += table.base[j];
      }
    }
  }
  std::vector<std::vector<double>> factor(classes);
  std::vector<double> sizes(classes);
  for (std::size_t c = 0; c < classes; ++c) {
    if (above(filled[c], 0.0).empty()) {
      throw InputError(fmt::format("{}: weights: no jet of {} in {} lies in the bins; widen them",
                                   config.file.string(), weights.classes[c].first.text(),
                                   file.path().string()));
    }
    factor[c] = factors(filled[c], filled.front(), weights);
    sizes[c] = std::inner_product(filled[c].begin(), filled[c].end(), factor[c].begin(), 0.0) /
               weights.classes[c].second;
    if (!(sizes[c] > 0.0)) {
      throw InputError(
          fmt::format("{}: weights: {} shares no bin with {} in {}; widen the bins or take "
                      "reweight_method flat",
                      config.file.string(), weights.classes[c].first.text(),
                      weights.classes.front().first.text(), file.path().string()));
    }
  }
  const double smallest = *std::min_element(sizes.begin(), sizes.end());
  std::vector<double> result(jets.size(), 0.0);
  for (std::size_t j = 0; j < jets.size(); ++j) {
    for (std::size_t c = 0; c < classes && bin[j] >= 0; ++c) {
      if (table.classes[c][j] == 1.0F) {
        result[j] = factor[c][static_cast<std::size_t>(bin[j])] * mean_weight_most * smallest /
                    sizes[c] * table.base[j];
      }
    }
  }
  if (weights.base) {
    const double level = percentile(result, 100.0 - weights.threshold);
    for (double& weight : result) {
      weight /= level;
    }
  }
  return {result.begin(), result.end()};
}

}  // namespace

std::vector<float> jet_weights(const JetFile& file, const DataConfig& config,
                               std::span<const std::int64_t> jets) {
  const Weights& weights = *config.weights;
  std::vector<float> all(jets.size(), 1.0F);
  if (weights.factors.empty()) {
    all = by_bins(file, config, jets);
  }
  for (const Column& factor : values_of(file, config, weights.factors, jets)) {
    for (std::size_t j = 0; j < all.size(); ++j) {
      all[j] *= factor[j];
    }
  }
  for (std::size_t j = 0; j < all.size(); ++j) {
    if (!std::isfinite(all[j])) {
      throw InputError(fmt::format("{}: weights: that of jet {} of {} is {}; look at its variables",
                                   config.file.string(), jets[j], file.path().string(), all[j]));
    }
  }
  return all;
}

Draws::Draws(std::span<const float> weights) {
  double sum = 0.0;
  for (const float weight : weights) {
    sum += std::clamp(static_cast<double>(weight), 0.0, 1.0);
    up_to_.push_back(sum);
  }
  most_ = std::clamp(
      static_cast<std::int64_t>(static_cast<double>(weights.size()) / std::max(1.0, sum)),
      std::int64_t{1}, draws_most);
  per_epoch_ = static_cast<std::int64_t>(static_cast<double>(most_) * sum);
  if (per_epoch_ == 0) {
    throw InputError("weights: no jet is left; their bins and classes fit none");
  }
  for (double& draws : up_to_) {
    draws *= static_cast<double>(per_epoch_) / sum;
  }
}

std::int64_t Draws::jet(std::uint64_t seed, std::int64_t epoch, std::int64_t place) const {
  constexpr std::uint64_t draws = 2;  // after the two that GlobalOrder shuffles by
  const std::uint64_t key =
      random_key(seed, Stream::order, {static_cast<std::uint64_t>(epoch), draws});
  const double at = static_cast<double>(place) + uniform(key, static_cast<std::uint64_t>(place));
  auto found = std::upper_bound(up_to_.begin(), up_to_.end(), at);
  if (found == up_to_.end()) {  // rounding may leave the last sum just below the number of draws
    found = std::lower_bound(up_to_.begin(), up_to_.end(), up_to_.back());
  }
  return found - up_to_.begin();
}

}  // namespace eebench::data
