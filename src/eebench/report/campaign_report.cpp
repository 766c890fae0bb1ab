#include "eebench/report/campaign_report.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <tuple>

#include <fmt/format.h>

#include "eebench/core/shell.hpp"
#include "eebench/report/points_table.hpp"
#include "eebench/stats/classification.hpp"
#include "eebench/sys/files.hpp"

namespace eebench::report {
namespace {

using bench::TaskReader;

/// Values of the points that are shown, by name.
class Shown {
 public:
  explicit Shown(const TaskReader& task) : task_(task) {
    const std::vector<std::string> states = task.names("state");
    for (std::size_t point = 0; point < states.size(); ++point) {
      if (states[point] == "ok") {
        points_.push_back(point);
      }
    }
  }
  Shown(const TaskReader& task, std::vector<std::size_t> points)
      : task_(task), points_(std::move(points)) {}

  std::vector<std::string> names(const std::string& variable) const {
    const std::vector<std::string> all = task_.names(variable);
    return cells([&](std::size_t point) { return all[point]; });
  }
  /// Element `offset` of each point's row, formatted.
  std::vector<std::string> numbers(const std::string& variable, std::size_t offset = 0,
                                   double scale = 1.0) const {
    const std::vector<double> all = task_.values(variable);
    const std::size_t width = all.size() / task_.points();
    return cells([&](std::size_t point) { return number(scale * all[point * width + offset]); });
  }
  /// Value ± half its interval.
  std::vector<std::string> with_interval(const std::string& variable, double scale = 1.0) const {
    const std::vector<double> all = task_.values(variable);
    const std::vector<double> low = task_.values(variable + "_ci_low");
    const std::vector<double> high = task_.values(variable + "_ci_high");
    return cells([&](std::size_t point) {
      const double half = scale * 0.5 * (high[point] - low[point]);
      std::string value = number(scale * all[point]);
      if (std::isnan(half) || value.empty()) {
        return value;
      }
      return half < 100.0 ? fmt::format("{} ± {:.2g}", value, half)
                          : fmt::format("{} ± {:.0f}", value, half);
    });
  }
  std::vector<std::string> cells(const std::function<std::string(std::size_t)>& cell) const {
    std::vector<std::string> result;
    for (const std::size_t point : points_) {
      result.push_back(cell(point));
    }
    return result;
  }

 private:
  const TaskReader& task_;
  std::vector<std::size_t> points_;
};

std::vector<std::string> exit_fractions(const TaskReader& task, const Shown& shown) {
  const std::vector<double> fractions = task.values("exit_fraction");
  const std::size_t exits = task.length("exit");
  return shown.cells([&](std::size_t point) {
    std::string text;
    for (std::size_t exit = 0; exit < exits; ++exit) {
      if (const double f = fractions[point * exits + exit]; !std::isnan(f)) {
        text += fmt::format("{}{:.0f}", text.empty() ? "" : "/", 100.0 * f);
      }
    }
    return text;
  });
}

/// Place of the signal class whose rejection is a limit, for want of background jets that pass, at
/// the fewest points, and of those the class with the lowest rejections.
std::size_t hardest_class(const TaskReader& task) {
  const std::vector<double> values = task.values("rejection");
  const std::vector<double> limits = task.values("rejection_is_limit");
  const std::size_t classes = task.length("class");
  std::vector<std::pair<double, double>> limits_and_sums(classes);
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (!std::isnan(values[i])) {
      limits_and_sums[i % classes].first += limits[i];
      limits_and_sums[i % classes].second += values[i];
    }
  }
  std::size_t hardest = 0;
  for (std::size_t c = 0; c < classes; ++c) {
    const bool known = limits_and_sums[c].second > 0.0;
    if (known &&
        (limits_and_sums[hardest].second == 0.0 || limits_and_sums[c] < limits_and_sums[hardest])) {
      hardest = c;
    }
  }
  return hardest;
}

std::vector<std::string> rejections(const TaskReader& task, const Shown& shown,
                                    std::size_t signal) {
  const std::vector<double> values = task.values("rejection");
  const std::vector<double> limits = task.values("rejection_is_limit");
  const std::vector<double> low = task.values("rejection_ci_low");
  const std::vector<double> high = task.values("rejection_ci_high");
  return shown.cells([&](std::size_t point) {
    const std::size_t i = point * task.length("class") + signal;
    const std::string value = number(values[i]);
    if (value.empty() || limits[i] == 1.0) {
      return value.empty() ? value : "> " + value;
    }
    return fmt::format("{} [{}, {}]", value, number(low[i]), number(high[i]));
  });
}

std::string rejection_name(const TaskReader& task, std::size_t signal) {
  const std::string name = task.texts("class")[signal];
  return fmt::format("rejection, {} at {:g} %", name, 100.0 * stats::working_point(name));
}

constexpr const char* known_gates = "gates_fitted_on_choosing_data";

bool has_chosen(const TaskReader& task) { return task.has_attribute("choosing_data"); }

/// Baselines and points with chosen thresholds that differ in more than how they were run; those of
/// a network one after another, baselines first.
std::vector<std::size_t> chosen_points(const TaskReader& task) {
  const std::vector<std::string> states = task.names("state");
  const std::vector<std::string> selections = task.names("selection");
  const std::vector<double> models = task.values("model");
  const std::vector<double> rules = task.values("rule");
  const std::vector<double> losses = task.values("max_loss");
  const std::vector<double> fixed = task.values("fixed_exit");
  std::map<std::tuple<double, double, double, std::string>, std::size_t> points;
  for (std::size_t point = 0; point < states.size(); ++point) {
    if (states[point] != "ok") {
      continue;
    }
    if (fixed[point] >= 0.0) {
      points.try_emplace({models[point], -1.0, -fixed[point], ""}, point);
    } else if (selections[point] != "given") {
      points.try_emplace({models[point], losses[point], rules[point], selections[point]}, point);
    }
  }
  std::vector<std::size_t> result;
  result.reserve(points.size());
  for (const auto& [key, point] : points) {
    result.push_back(point);
  }
  return result;
}

}  // namespace

std::string threshold_cell(const TaskReader& task, std::span<const double> thresholds,
                           std::span<const double> fixed, std::size_t point) {
  if (fixed[point] >= 0.0) {
    return fmt::format("exit {:.0f}", fixed[point]);
  }
  const std::size_t exits = task.length("exit");
  const std::span<const double> own = thresholds.subspan(point * exits, exits);
  std::string text;
  bool shared = true;
  for (const double threshold : own) {
    if (!std::isnan(threshold)) {
      text += (text.empty() ? "" : " ") + threshold_text(threshold);
      shared = shared && threshold == own.front();
    }
  }
  return shared ? threshold_text(own.front()) : text;
}

Table chosen_table(const TaskReader& task) {
  Table table;
  if (!has_chosen(task)) {
    return table;
  }
  const Shown shown(task, chosen_points(task));
  const std::vector<double> thresholds = task.values("thresholds");
  const std::vector<double> fixed = task.values("fixed_exit");
  const auto add = [&](std::string name, std::string unit, std::vector<std::string> cells,
                       bool is_text = false) {
    table.columns.push_back({std::move(name), std::move(unit), std::move(cells), is_text});
  };
  add("model", "", shown.names("model"), true);
  add("loss allowed", "points", shown.numbers("max_loss", 0, 100.0));
  add("rule", "", shown.names("rule"), true);
  add("thresholds", "",
      shown.cells([&](std::size_t p) { return threshold_cell(task, thresholds, fixed, p); }), true);
  add("accuracy there", "", shown.numbers("chosen_accuracy"));
  add("cost there", "of full", shown.numbers("chosen_cost"));
  add("accuracy", "", shown.with_interval("accuracy"));
  add("loss", "points", shown.with_interval("accuracy_loss", 100.0));
  add("cost", "of full", shown.numbers("relative_cost"));
  add("left at exit", "%", exit_fractions(task, shown));
  add("mixing", "", shown.numbers("accuracy_mixing"));
  return table;
}

std::string chosen_preamble(const TaskReader& task) {
  if (!has_chosen(task)) {
    return "";
  }
  const std::string bias =
      task.has_attribute(known_gates)
          ? fmt::format(
                " The gates of {} were fitted on the same jets, so thresholds of rules with "
                "gates are biased: they tend to lose more elsewhere.",
                task.attribute(known_gates))
          : "";
  return fmt::format(
      "Thresholds chosen on the {} jets of {} (accuracy and cost \"there\"), reported on those of "
      "{}, all replayed: the cheapest that lose no more accuracy there than allowed, without a "
      "margin for chance.{}\n",
      task.integer_attribute("choosing_jets"), task.attribute("choosing_data"),
      task.attribute("data"), bias);
}

Table summary_table(const TaskReader& task, Columns columns) {
  const Shown shown(task);
  const std::vector<double> thresholds = task.values("thresholds");
  const std::vector<double> fixed = task.values("fixed_exit");
  const auto starred = [&,
                        crowded = task.values("oversubscribed")](std::vector<std::string> cells) {
    const std::vector<std::string> stars =
        shown.cells([&](std::size_t p) { return crowded[p] != 0.0 ? "\\*" : ""; });
    for (std::size_t row = 0; row < cells.size(); ++row) {
      cells[row] += cells[row].empty() ? "" : stars[row];
    }
    return cells;
  };
  Table table;
  const auto add = [&](std::string name, std::string unit, std::vector<std::string> cells,
                       bool is_text = false) {
    table.columns.push_back({std::move(name), std::move(unit), std::move(cells), is_text});
  };
  add("model", "", shown.names("model"), true);
  add("rule", "", shown.names("rule"), true);
  add("threshold", "",
      shown.cells([&](std::size_t p) { return threshold_cell(task, thresholds, fixed, p); }), true);
  add("scenario", "", shown.names("scenario"), true);
  add("executor", "", shown.names("executor"), true);
  const auto add_integers = [&](const std::string& variable, const std::string& unit) {
    add(variable, unit, shown.cells([values = task.values(variable)](std::size_t p) {
      return fmt::format("{:.0f}", values[p]);
    }));
  };
  add_integers("batch", "jets");
  for (const std::string size : {"ranks", "threads", "nodes"}) {
    add_integers(size, "");
  }
  const std::vector<double> repeats = task.values("repeat");
  if (std::any_of(repeats.begin(), repeats.end(), [](double repeat) { return repeat > 0.0; })) {
    add_integers("repeat", "");
  }
  add("accuracy", "", shown.with_interval("accuracy"));
  add("loss", "points", shown.with_interval("accuracy_loss", 100.0));
  add("mixing", "", shown.numbers("accuracy_mixing"));
  const bool all = columns == Columns::all;
  if (all) {
    add("AUC", "", shown.with_interval("auc"));
    const std::size_t signal = hardest_class(task);
    add(rejection_name(task, signal), "", rejections(task, shown, signal));
    add("left at exit", "%", exit_fractions(task, shown));
  }
  add("cost", "of full", shown.numbers("relative_cost"));
  if (all) {
    add("multiply-adds", "M/jet", shown.numbers("multiply_adds", 0, 1e-6));
    add("run", "M/jet", shown.numbers("multiply_adds_run", 0, 1e-6));
  }
  add("throughput", "jets/s", starred(shown.with_interval("throughput")));
  add("p50", "ms", starred(shown.numbers("latency", 0, 1e3)));
  if (!all) {
    return table;
  }
  add("p90", "ms", starred(shown.numbers("latency", 1, 1e3)));
  add("p99", "ms", starred(shown.numbers("latency", 2, 1e3)));
  add("flips", "", shown.numbers("flip_share"));
  return table;
}

/// What the measuring itself costs: at most, of a batch, and how well a known time was told; where
/// there are both, of jobs that did not share cores.
std::string harness_line(const TaskReader& task) {
  const std::vector<std::string> states = task.names("state");
  const std::vector<double> between = task.values("harness_time");
  const std::vector<double> batch = task.values("batch_time");
  const std::vector<double> known = task.values("known_batch_time");
  const std::vector<double> told = task.values("known_batch_told");
  const std::vector<double> crowded = task.values("oversubscribed");
  const double fewest = *std::min_element(crowded.begin(), crowded.end());
  double share = 0.0;
  double off = 0.0;
  for (std::size_t point = 0; point < states.size(); ++point) {
    if (states[point] == "ok" && crowded[point] == fewest) {
      share = std::max(share, between[point] / batch[point]);
      off = std::max(off, told[point] / known[point] - 1.0);
    }
  }
  const std::string line = fmt::format(
      "easuring adds {:.2g} % or less to a batch; a known time is told {:.2g} % too long or less.",
      100.0 * share, 100.0 * off);
  constexpr double much = 0.01;
  return std::max(share, off) > much
             ? "- WARNING: m" + line + " Above 1 % short batches are not told well.\n"
             : "- M" + line + "\n";
}

std::string preamble(const TaskReader& task, Columns columns) {
  const bool all = columns == Columns::all;
  const std::string effort = task.attribute("effort");
  const std::vector<std::string> states = task.names("state");
  const std::vector<double> all_jets = task.values("jets");
  const std::vector<double> all_run = task.values("jets_run");
  double jets = 0.0;
  double run = std::numeric_limits<double>::infinity();
  for (std::size_t point = 0; point < states.size(); ++point) {
    if (states[point] == "ok") {
      jets = std::max(jets, all_jets[point]);
      run = std::min(run, all_run[point]);
    }
  }
  std::string text = fmt::format("Effort {}{}; {} cores a node, device {}.\n", effort,
                                 effort == "official" ? "" : " (not official)",
                                 task.integer_attribute("cores"), task.attribute("device"));
  if (task.has_attribute("load_average")) {
    const double load = task.number_attribute("load_average");
    if (load > 0.5 * static_cast<double>(task.integer_attribute("cores"))) {
      text += fmt::format(
          "- Load {:.1f} in the minute before it began: other work may have disturbed these "
          "times.\n",
          load);
    }
  }
  if (jets > 0.0) {
    const std::int64_t cut = task.integer_attribute("jets_cut");
    text += fmt::format(
        "- Replayed from one all-exits pass over {} jets{}: accuracy, loss against full depth, "
        "mixing (a coin tossed between two fixed exits at the same cost), {}cost{}.\n",
        jets, cut > 0 ? fmt::format(", {} of them cut to what networks keep", cut) : "",
        all ? "AUC, rejection (of the hardest class), exits, " : "", all ? ", multiply-adds" : "");
    text += fmt::format(
        "- Measured on the first {} of them or more: {}throughput, latency (hand-over of a batch "
        "to a jet's answer; a dash: too few batches){}.\n",
        run, all ? "run (executed multiply-adds), " : "",
        all ? ", flips (jets that leave elsewhere than replayed)" : "");
  }
  if (task.has_attribute("n_missing") && task.integer_attribute("n_missing") > 0) {
    text += fmt::format("- Incomplete: {} points of the plan are not in this file.\n",
                        task.integer_attribute("n_missing"));
  }
  text += harness_line(task);
  text += all ? "- summary.csv has every number of a point.\n"
              : "- summary.md has more columns, summary.csv every number of a point.\n";
  if (task.integer_attribute("oversubscribed") != 0) {
    text +=
        "- \\* More ranks than cores: these times say how the program behaves, not how fast the "
        "machine is.\n";
  }
  return text;
}

std::string summary_text(const TaskReader& task, Columns columns) {
  Table table = summary_table(task, columns);
  const std::string constants = take_constants(table);
  std::string text = preamble(task, columns) + (constants.empty() ? "" : "\n" + constants + "\n") +
                     "\n" + to_markdown(table);
  if (has_chosen(task)) {
    text += "\n" + chosen_preamble(task) + "\n" + to_markdown(chosen_table(task));
  }
  return text;
}

std::string final_block(const bench::CampaignFolder& folder, const bench::Outcome& outcome,
                        const std::string& resume_command) {
  std::string text;
  for (const bench::FailedPoint& failed : outcome.failed) {
    text += fmt::format("failed: point {}: {}\n", failed.point, failed.error);
  }
  if (outcome.stopped) {
    return text +
           fmt::format("Stopped; what is measured is safe. Go on with: {}\n", resume_command);
  }
  if (!outcome.failed.empty()) {
    text += fmt::format("{} of {} points failed. Try them again with: {}\n", outcome.failed.size(),
                        outcome.points, resume_command);
  }
  if (folder.shards > 1) {
    const std::string quoted = shell_quoted(folder.root.string());
    return text + fmt::format(
                      "Shard {}/{} is in {}. The others: eebench status {}; when all are done: "
                      "eebench merge {}\n",
                      folder.shard, folder.shards, folder.task_file().string(), quoted, quoted);
  }
  return text + fmt::format(
                    "Everything is in {} (summary.md, summary.csv, {})\n"
                    "Open it: python -m eebench_analysis report {}    or    "
                    "xarray.open_dataset(\"{}\", engine=\"h5netcdf\")\n",
                    folder.root.string(),
                    std::filesystem::relative(folder.task_file(), folder.root).string(),
                    shell_quoted(folder.root.string()), folder.task_file().string());
}

void write_summaries(const bench::CampaignFolder& folder, const TaskReader& task) {
  sys::publish_text(folder.root / "summary.md", summary_text(task, Columns::all));
  sys::publish_text(folder.root / "summary.csv", to_csv(points_table(task)));
}

}  // namespace eebench::report
