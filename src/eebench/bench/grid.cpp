#include "eebench/bench/grid.hpp"

#include <algorithm>
#include <numeric>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "eebench/bench/schema.hpp"
#include "eebench/core/digest.hpp"
#include "eebench/core/error.hpp"
#include "eebench/core/random.hpp"
#include "eebench/exits/rule.hpp"
#include "eebench/exits/thresholds.hpp"

namespace eebench::bench {
namespace {

std::string point_id(const Point& point, const Suite& suite, const ModelFacts& model) {
  nlohmann::json settings = {{"schema", schema_major},
                             {"weights", model.weights_sha256},
                             {"config", model.network_sha256},
                             {"data", model.data_sha256},
                             {"model", model.name},
                             {"rule", point.rule},
                             {"scenario", name(point.scenario)},
                             {"executor", point.engine},
                             {"batch", point.batch},
                             {"fixed_exit", point.fixed_exit},
                             {"thresholds", point.thresholds},
                             {"jets", suite.jets},
                             {"run_jets", suite.run_jets},
                             {"seed", suite.seed},
                             {"effort", suite.effort},
                             {"device", suite.device},
                             {"deterministic", suite.deterministic}};
  if (point.precision != exec::Precision::fp32) {
    settings["precision"] = exec::name(point.precision);
  }
  if (point.selection != Selection::given) {
    settings["choosing"] = {model.choosing_sha256, suite.choosing->jets, point.max_loss,
                            point.selection};
  }
  if (exits::is_fitted(point.rule)) {
    settings["gates"] = model.gates_sha256;
  }
  return sha256(settings.dump()).substr(0, 16);
}

/// One threshold for all and one for each are the same for a single early exit.
std::vector<Selection> selections(std::int64_t exits) {
  if (exits < 2) {
    return {};
  }
  return exits == 2 ? std::vector{Selection::shared}
                    : std::vector{Selection::shared, Selection::per_exit};
}

/// Executors x rules x thresholds and losses; `base` has the other settings.
std::vector<Point> rule_points(const Suite& suite, const ModelFacts& model, const Point& base) {
  std::vector<Point> points;
  for (const Engine engine : suite.engines) {
    for (const std::string& rule : suite.rules) {
      Point point = base;
      point.engine = engine;
      point.rule = rule;
      for (const std::vector<double>& thresholds : suite.thresholds_of(rule)) {
        try {
          point.thresholds = exits::thresholds_for(thresholds, model.exits);
        } catch (const InputError& error) {
          throw InputError(fmt::format("[axes] threshold, model {}: {}", model.name, error.what()));
        }
        points.push_back(point);
      }
      point.thresholds.clear();
      for (const double loss : suite.choosing ? suite.choosing->losses : std::vector<double>()) {
        for (const Selection selection : selections(model.exits)) {
          point.max_loss = loss;
          point.selection = selection;
          points.push_back(point);
        }
      }
    }
  }
  return points;
}

bool is_skipped(const Suite& suite, const Point& point) {
  const auto has = [](const auto& list, const auto& value) {
    return list.empty() || std::find(list.begin(), list.end(), value) != list.end();
  };
  return std::any_of(suite.skip.begin(), suite.skip.end(), [&](const Skip& skip) {
    return has(skip.models, suite.models[static_cast<std::size_t>(point.model)].name) &&
           has(skip.rules, point.rule) && has(skip.precisions, point.precision) &&
           has(skip.engines, point.engine) && has(skip.batches, point.batch) &&
           has(skip.scenarios, point.scenario);
  });
}

std::string counted(std::size_t count, std::string_view word) {
  return fmt::format("{} {}{}", count, word, count == 1 ? "" : (word.ends_with("ch") ? "es" : "s"));
}

}  // namespace

std::vector<std::string> rule_names(std::span<const Point> points) {
  std::vector<std::string> names = {"full", "fixed"};
  for (const exits::RuleRow& row : exits::rule_registry()) {
    names.emplace_back(row.name);
  }
  for (const Point& point : points) {
    if (std::find(names.begin(), names.end(), point.rule) == names.end()) {
      names.push_back(point.rule);
    }
  }
  return names;
}

std::vector<Point> make_grid(const Suite& suite, std::span<const ModelFacts> models) {
  std::vector<Point> points;
  const auto add = [&](Point point, const ModelFacts& model) {
    if (is_skipped(suite, point)) {
      return;
    }
    point.index = static_cast<std::int64_t>(points.size());
    point.id = point_id(point, suite, model);
    points.push_back(std::move(point));
  };
  for (std::size_t m = 0; m < models.size(); ++m) {
    const ModelFacts& model = models[m];
    for (const Scenario scenario : suite.scenarios) {
      for (const std::int64_t batch : suite.batches) {
        Point base;
        base.model = static_cast<std::int64_t>(m);
        base.precision = suite.models[m].precision;
        base.scenario = scenario;
        base.batch = batch;
        base.exits = model.exits;
        for (std::int64_t exit = model.exits - 1; exit >= 0; --exit) {
          Point baseline = base;
          baseline.rule = exit == model.exits - 1 ? "full" : "fixed";
          baseline.fixed_exit = exit;
          add(baseline, model);
        }
        for (const Point& point : rule_points(suite, model, base)) {
          add(point, model);
        }
      }
    }
  }
  if (points.empty()) {
    throw InputError("skip leaves out every point of the suite; take something away from it");
  }
  constexpr std::size_t most = 255;  // a byte in the file, 255 being the fill value
  if (const std::size_t rules = rule_names(points).size(); rules > most) {
    throw InputError(
        fmt::format("{} rules, those with a name among them, do not fit into one file, "
                    "which holds {}; take formulas out of the suite's rule",
                    rules, most));
  }
  return points;
}

std::string describe(const Suite& suite, std::span<const Point> points) {
  const auto baselines =
      std::count_if(points.begin(), points.end(), [](const Point& p) { return p.is_baseline(); });
  const auto chosen = std::count_if(points.begin(), points.end(),
                                    [](const Point& p) { return p.selection != Selection::given; });
  std::size_t by_rule = 0;
  for (const auto& [rule, thresholds] : suite.rule_thresholds) {
    by_rule += thresholds.size();
  }
  const std::string rules = counted(suite.rules.size(), "rule");
  return fmt::format(
      "{} x {} x {} x {}{} = {}{} + {}", counted(suite.models.size(), "model"),
      by_rule > 0 ? fmt::format("{} with {} in all", rules, counted(by_rule, "threshold"))
                  : fmt::format("{} x {}", rules, counted(suite.thresholds.size(), "threshold")),
      counted(suite.batches.size(), "batch"), counted(suite.scenarios.size(), "scenario"),
      suite.engines.size() > 1 ? " x " + counted(suite.engines.size(), "executor") : "",
      counted(points.size() - static_cast<std::size_t>(baselines + chosen), "point"),
      suite.choosing ? fmt::format(" + {} with thresholds to be chosen", chosen) : "",
      counted(static_cast<std::size_t>(baselines), "baseline"));
}

Values settings_of(const Point& point, std::span<const std::string> rules) {
  const auto rule = std::find(rules.begin(), rules.end(), point.rule) - rules.begin();
  Values values;
  values["model"] = {static_cast<double>(point.model)};
  values["rule"] = {static_cast<double>(rule)};
  values["scenario"] = {static_cast<double>(point.scenario)};
  values["precision"] = {static_cast<double>(point.precision)};
  values["executor"] = {static_cast<double>(point.engine)};
  values["batch"] = {static_cast<double>(point.batch)};
  values["fixed_exit"] = {static_cast<double>(point.fixed_exit)};
  values["exits"] = {static_cast<double>(point.exits)};
  values["selection"] = {static_cast<double>(point.selection)};
  values["max_loss"] = {point.max_loss};
  if (!point.thresholds.empty()) {
    const auto& thresholds = point.thresholds;
    const bool shared = std::all_of(thresholds.begin(), thresholds.end(),
                                    [&](double t) { return t == thresholds.front(); });
    values["threshold"] = {shared ? thresholds.front() : not_available};
    values["thresholds"] = thresholds;
    values["thresholds"].push_back(not_available);
  }
  return values;
}

std::vector<std::int64_t> shuffled(std::int64_t points, std::uint64_t seed) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(points));
  std::iota(order.begin(), order.end(), 0);
  const std::uint64_t key = random_key(seed, Stream::order, {});
  std::sort(order.begin(), order.end(), [&](std::int64_t a, std::int64_t b) {
    const std::uint64_t left = mix64(key ^ mix64(static_cast<std::uint64_t>(a)));
    const std::uint64_t right = mix64(key ^ mix64(static_cast<std::uint64_t>(b)));
    return left != right ? left < right : a < b;
  });
  return order;
}

}  // namespace eebench::bench
