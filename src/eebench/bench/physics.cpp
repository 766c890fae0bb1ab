#include "eebench/bench/physics.hpp"

#include <algorithm>
#include <map>
#include <numeric>

#include <fmt/format.h>

#include "eebench/bench/schema.hpp"
#include "eebench/exits/baselines.hpp"
#include "eebench/exits/replay.hpp"
#include "eebench/stats/auc_interval.hpp"
#include "eebench/stats/classification.hpp"
#include "eebench/stats/compare.hpp"

namespace eebench::bench {
namespace {

double mean(std::span<const double> values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

void put(Values& values, const std::string& name, double value, const stats::Interval& interval) {
  values[name].push_back(value);
  values[name + "_ci_low"].push_back(interval.low);
  values[name + "_ci_high"].push_back(interval.high);
}

/// `scores` as in exits::Decisions; baselines need none.
std::vector<std::int32_t> taken_exits(const Point& point, std::span<const float> scores,
                                      std::int64_t jets) {
  if (point.is_baseline()) {
    return std::vector<std::int32_t>(static_cast<std::size_t>(jets),
                                     static_cast<std::int32_t>(point.fixed_exit));
  }
  return exits::exit_index(scores, point.thresholds, jets);
}

/// What the point gives up against full depth.
void put_loss(Values& values, const Point& point, std::span<const std::int32_t> taken,
              const exits::Decisions& decisions) {
  const auto exits = static_cast<std::size_t>(decisions.exits);
  if (point.fixed_exit + 1 == decisions.exits) {  // full depth itself
    put(values, "accuracy_loss", 0.0, {0.0, 0.0});
    return;
  }
  std::vector<std::uint8_t> full;
  std::vector<std::uint8_t> own;
  for (std::size_t jet = 0; jet < taken.size(); ++jet) {
    full.push_back(decisions.right[jet * exits + exits - 1]);
    own.push_back(decisions.right[jet * exits + static_cast<std::size_t>(taken[jet])]);
  }
  const stats::PairedDifference loss = stats::paired_difference(full, own);
  put(values, "accuracy_loss", loss.difference, loss.interval);
}

/// Every `exits`-th value from `exit` on.
std::vector<double> column(std::span<const double> values, std::size_t exit, std::size_t exits) {
  std::vector<double> result;
  for (std::size_t i = exit; i < values.size(); i += exits) {
    result.push_back(values[i]);
  }
  return result;
}

void put_calibration(Values& values, const store::AllExits& jets,
                     std::span<const std::int32_t> taken, const stats::Predictions& predictions) {
  values["calibration_error"] = {stats::calibration_error(predictions)};
  const auto classes = jets.classes.size();
  for (std::int64_t exit = 0; exit < jets.exits; ++exit) {
    std::vector<float> logits;
    std::vector<std::int64_t> labels;
    for (std::size_t jet = 0; jet < taken.size(); ++jet) {
      if (taken[jet] == exit) {
        const auto own = predictions.logits.subspan(jet * classes, classes);
        logits.insert(logits.end(), own.begin(), own.end());
        labels.push_back(predictions.labels[jet]);
      }
    }
    values["exit_calibration_error"].push_back(
        stats::calibration_error({logits, labels, predictions.classes}));
  }
}

void put_rejections(Values& values, const store::AllExits& jets,
                    const stats::Predictions& predictions) {
  const std::string background = stats::background_class(jets.classes);
  if (background.empty()) {
    return;
  }
  const std::vector<stats::Rejection> rejections =
      stats::rejections(predictions, jets.classes, background);
  for (const std::string& name : jets.classes) {
    const auto found = std::find_if(rejections.begin(), rejections.end(),
                                    [&](const stats::Rejection& r) { return r.signal == name; });
    if (found == rejections.end()) {
      put(values, "rejection", not_available, {not_available, not_available});
      values["rejection_is_limit"].push_back(not_available);
    } else {
      put(values, "rejection", found->value, found->interval);
      values["rejection_is_limit"].push_back(found->lower_limit ? 1.0 : 0.0);
    }
  }
}

void put_exits(Values& values, const store::AllExits& jets, std::span<const std::int32_t> taken,
               const std::vector<std::uint8_t>& right) {
  const auto exits = static_cast<std::size_t>(jets.exits);
  std::vector<std::int64_t> left(exits, 0);
  std::vector<std::int64_t> answered(exits, 0);
  const std::size_t bins = std::size(multiplicity_edges);
  std::vector<double> in_bin(bins, 0.0);
  std::vector<double> fraction(bins * exits, 0.0);
  for (std::size_t jet = 0; jet < taken.size(); ++jet) {
    const auto exit = static_cast<std::size_t>(taken[jet]);
    ++left[exit];
    answered[exit] += right[jet * exits + exit];
    const auto* edge = std::lower_bound(std::begin(multiplicity_edges),
                                        std::end(multiplicity_edges), jets.multiplicity[jet]);
    const auto bin =
        std::min(static_cast<std::size_t>(edge - std::begin(multiplicity_edges)), bins - 1);
    in_bin[bin] += 1.0;
    fraction[bin * exits + exit] += 1.0;
  }
  for (std::size_t exit = 0; exit < exits; ++exit) {
    const auto count = static_cast<double>(left[exit]);
    values["exit_fraction"].push_back(count / static_cast<double>(taken.size()));
    put(values, "exit_accuracy", static_cast<double>(answered[exit]) / count,
        stats::wilson_interval(answered[exit], left[exit]));
  }
  for (std::size_t bin = 0; bin < bins; ++bin) {
    for (std::size_t exit = 0; exit < exits; ++exit) {
      fraction[bin * exits + exit] /= in_bin[bin];  // not a number where no jet is
    }
  }
  values["exit_fraction_multiplicity"] = fraction;
  values["jets_multiplicity"] = in_bin;
}

void put_costs(Values& values, const store::AllExits& jets, const CostTable& costs,
               const Point& point, std::span<const std::int32_t> taken,
               const exits::Decisions& decisions) {
  const auto exits = static_cast<std::size_t>(jets.exits);
  const bool plain = point.is_baseline();
  const std::vector<double>& multiply_adds =
      plain ? costs.plain_multiply_adds : costs.multiply_adds;
  const std::vector<double>& flops = plain ? costs.plain_flops : costs.flops;
  const std::vector<double>& parameters = plain ? costs.plain_parameters : costs.parameters;

  double taken_multiply_adds = 0.0;
  double taken_flops = 0.0;
  double taken_parameters = 0.0;
  for (std::size_t jet = 0; jet < taken.size(); ++jet) {
    const std::size_t exit =
        point.engine == Engine::whole ? exits - 1 : static_cast<std::size_t>(taken[jet]);
    taken_multiply_adds += multiply_adds[jet * exits + exit];
    taken_flops += flops[jet * exits + exit];
    taken_parameters += parameters[exit];
  }
  const auto count = static_cast<double>(taken.size());
  values["multiply_adds"] = {taken_multiply_adds / count};
  values["flops"] = {taken_flops / count};
  values["parameters"] = {taken_parameters / count};
  values["relative_cost"] = {taken_multiply_adds / count /
                             mean(column(costs.plain_multiply_adds, exits - 1, exits))};
  for (std::size_t exit = 0; exit < exits; ++exit) {
    const std::size_t charged = point.engine == Engine::whole ? exits - 1 : exit;
    values["exit_multiply_adds"].push_back(mean(column(multiply_adds, charged, exits)));
    values["exit_parameters"].push_back(parameters[charged]);
  }
  values["accuracy_mixing"] = {exits::mixed_accuracy(
      exits::fixed_exits(decisions, costs.plain_multiply_adds), taken_multiply_adds / count)};
}

}  // namespace

CostTable cost_table(const exec::Executor& executor, std::span<const std::int64_t> multiplicity) {
  const auto exits = executor.exits();
  struct Row {
    std::vector<exec::JetCost> cost;
    std::vector<exec::JetCost> plain;
  };
  std::map<std::int64_t, Row> rows;
  CostTable table;
  for (const std::int64_t n : multiplicity) {
    Row& row = rows[n];
    for (std::int64_t exit = 0; row.plain.size() < static_cast<std::size_t>(exits); ++exit) {
      row.cost.push_back(executor.cost(exit, n));
      row.plain.push_back(executor.plain_cost(exit, n));
    }
    for (std::size_t exit = 0; exit < row.cost.size(); ++exit) {
      table.multiply_adds.push_back(static_cast<double>(row.cost[exit].work.multiply_adds));
      table.flops.push_back(static_cast<double>(row.cost[exit].work.flops()));
      table.plain_multiply_adds.push_back(static_cast<double>(row.plain[exit].work.multiply_adds));
      table.plain_flops.push_back(static_cast<double>(row.plain[exit].work.flops()));
    }
  }
  for (std::int64_t exit = 0; exit < exits; ++exit) {
    table.parameters.push_back(static_cast<double>(executor.cost(exit, 1).parameters));
    table.plain_parameters.push_back(static_cast<double>(executor.plain_cost(exit, 1).parameters));
  }
  return table;
}

exits::Rule rule_of(const Point& point, const exits::Fits& fits,
                    std::span<const std::string> classes) {
  return point.is_baseline() ? exits::Rule{}
                             : exits::make_rule(point.rule, fits, point.exits, classes);
}

std::vector<std::int32_t> replayed_exits(const store::AllExits& jets, const Point& point,
                                         const exits::Rule& rule) {
  return taken_exits(point,
                     point.is_baseline() ? std::vector<float>()
                                         : exits::decide(rule, store::answers_of(jets)).scores,
                     jets.jets());
}

Values replayed_values(const store::AllExits& jets, const CostTable& costs, const Point& point,
                       const exits::Rule& rule, const Bootstrap& bootstrap) {
  const exits::Decisions decisions =
      exits::decide(rule, store::answers_of(jets, costs.multiply_adds));
  const std::vector<std::int32_t> taken = taken_exits(point, decisions.scores, jets.jets());
  const auto classes = static_cast<std::int64_t>(jets.classes.size());
  const std::vector<float> logits = exits::taken_logits(jets.logits, taken, jets.exits, classes);
  const stats::Predictions predictions{logits, jets.labels, classes};

  Values values;
  values["jets"] = {static_cast<double>(jets.jets())};
  const stats::Accuracy accuracy = stats::accuracy(predictions);
  put(values, "accuracy", accuracy.value, accuracy.interval);
  put_loss(values, point, taken, decisions);
  put(values, "auc", stats::macro_auc(predictions),
      stats::macro_auc_interval(predictions, bootstrap.seed, bootstrap.replicas));
  put_calibration(values, jets, taken, predictions);
  put_rejections(values, jets, predictions);
  put_exits(values, jets, taken, decisions.right);
  put_costs(values, jets, costs, point, taken, decisions);
  return values;
}

}  // namespace eebench::bench
