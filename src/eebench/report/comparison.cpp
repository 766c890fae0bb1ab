#include "eebench/report/comparison.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "eebench/bench/manifest.hpp"
#include "eebench/core/error.hpp"
#include "eebench/report/campaign_report.hpp"
#include "eebench/stats/compare.hpp"
#include "eebench/stats/quantile.hpp"

namespace eebench::report {
namespace {

constexpr double significance = 0.05;
constexpr double same_within = 0.05;
constexpr std::uint64_t bootstrap_seed = 1;

/// Without which times are those of something else.
constexpr const char* compared_texts[] = {
    "data_sha256",     "effort",  "device",   "cpu",        "governor", "libtorch",
    "eebench_version", "git_sha", "compiler", "build_type", "flags"};
constexpr const char* compared_integers[] = {"cores", "oversubscribed", "deterministic"};

/// What tells points apart: job, network, rule, thresholds or choice, scenario, executor, batch.
using Key = std::tuple<bench::JobSize, std::string, std::string, std::string, std::string,
                       std::string, double>;

struct Times {
  std::string threshold;
  std::vector<double> seconds;
  std::string id;  ///< digest of settings, weights, data and network
  double jets = 0.0;
  bool crowded = false;
};

struct Campaign {
  std::vector<Key> order;
  std::map<Key, Times> times;
};

Campaign read(const bench::TaskReader& task) {
  const std::vector<std::string> states = task.names("state");
  const std::vector<std::string> models = task.names("model");
  const std::vector<std::string> rules = task.names("rule");
  const std::vector<std::string> scenarios = task.names("scenario");
  const std::vector<std::string> selections = task.names("selection");
  const std::vector<double> batches = task.values("batch");
  const std::vector<double> losses = task.values("max_loss");
  const std::vector<double> thresholds = task.values("thresholds");
  const std::vector<double> fixed = task.values("fixed_exit");
  const std::vector<double> seconds = task.values("batch_time");
  const std::vector<double> jets = task.values("jets_run");
  const std::vector<std::string> engines =
      task.has("executor") ? task.names("executor")  // before format 1.6 who had an answer left
                           : std::vector<std::string>(task.points(), "leaving");
  const std::vector<bench::JobSize> jobs = task.jobs();
  const std::vector<double> crowded =
      task.has("oversubscribed")
          ? task.values("oversubscribed")
          : std::vector(task.points(),
                        static_cast<double>(task.integer_attribute("oversubscribed")));
  const std::size_t exits = task.length("exit");
  const std::vector<std::string> ids = task.texts("point_id");
  Campaign campaign;
  for (std::size_t p = 0; p < task.points(); ++p) {
    if (states[p] != "ok") {
      continue;
    }
    const bool is_given = selections[p] == "given";
    const std::string shown = is_given ? threshold_cell(task, thresholds, fixed, p)
                                       : fmt::format("{}, loss {}", selections[p], losses[p]);
    const auto own = std::span(thresholds).subspan(p * exits, exits);
    const std::string choice =
        is_given ? fmt::format("{} {}", fixed[p], fmt::join(own, " ")) : shown;  // every digit
    const Key key{jobs[p], models[p], rules[p], choice, scenarios[p], engines[p], batches[p]};
    const auto [place, is_new] =
        campaign.times.try_emplace(key, Times{shown, {}, ids[p], jets[p], crowded[p] != 0.0});
    if (is_new) {
      campaign.order.push_back(key);
    }
    place->second.seconds.push_back(seconds[p]);
  }
  return campaign;
}

std::vector<std::string> differences(const bench::TaskReader& a, const bench::TaskReader& b) {
  std::vector<std::string> lines;
  const auto add = [&](const char* name, const auto& left, const auto& right) {
    if (left != right) {
      lines.push_back(fmt::format("{}: {}, {}", name, left, right));
    }
  };
  for (const char* name : compared_texts) {
    add(name, a.attribute(name), b.attribute(name));
  }
  for (const char* name : compared_integers) {
    add(name, a.integer_attribute(name), b.integer_attribute(name));
  }
  return lines;
}

std::string name(Verdict verdict) {
  return std::string(name_of(std::span<const Named<Verdict>>(verdict_names), verdict));
}

}  // namespace

Verdict verdict_of(const ComparedPoint& point) {
  if (std::min(point.a.size(), point.b.size()) < repeats_for_a_verdict) {
    return Verdict::ambiguous;
  }
  const bool is_significant = point.p < significance;
  if (is_significant && point.interval.low > 1.0) {
    return Verdict::slow;
  }
  if (is_significant && point.interval.high < 1.0) {
    return Verdict::fast;
  }
  const bool is_narrow =
      point.interval.low > 1.0 - same_within && point.interval.high < 1.0 + same_within;
  const bool has_one = point.interval.low <= 1.0 && point.interval.high >= 1.0;
  return !is_significant && has_one && is_narrow ? Verdict::same : Verdict::ambiguous;
}

Comparison compare(const bench::TaskReader& a, const bench::TaskReader& b) {
  const Campaign left = read(a);
  const Campaign right = read(b);
  Comparison comparison;
  comparison.differences = differences(a, b);
  // Before format 1.6 the number of ranks was part of a point's id.
  const bool same_ids = a.has("ranks") == b.has("ranks");
  std::int64_t others = 0;
  std::int64_t fewer = 0;
  for (const Key& key : left.order) {
    const auto other = right.times.find(key);
    if (other == right.times.end()) {
      ++comparison.only_a;
      continue;
    }
    const Times& before = left.times.at(key);
    others += same_ids && before.id != other->second.id ? 1 : 0;
    fewer += before.jets != other->second.jets ? 1 : 0;
    ComparedPoint point;
    std::tie(point.job, point.model, point.rule, point.threshold, point.scenario, point.executor,
             point.batch) = key;
    point.threshold = before.threshold;
    point.crowded = before.crowded || other->second.crowded;
    point.a = before.seconds;
    point.b = other->second.seconds;
    point.ratio = stats::median(point.b) / stats::median(point.a);
    point.interval = stats::median_ratio_interval(point.a, point.b, bootstrap_seed);
    point.p = stats::mann_whitney(point.a, point.b);
    point.verdict = verdict_of(point);
    comparison.points.push_back(std::move(point));
  }
  if (comparison.points.empty()) {
    throw InputError(
        "the campaigns have no point in common (ranks, threads, nodes, network, rule, "
        "thresholds, scenario, executor, batch); "
        "compare campaigns of one suite");
  }
  if (others > 0) {
    comparison.differences.push_back(
        fmt::format("weights, network or jets of {} points: other ones", others));
  }
  if (fewer > 0) {
    comparison.differences.push_back(fmt::format("jets_run of {} points: not as many", fewer));
  }
  comparison.only_b = static_cast<std::int64_t>(right.order.size()) -
                      static_cast<std::int64_t>(comparison.points.size());
  return comparison;
}

std::filesystem::path result_file(const std::filesystem::path& path) {
  if (!std::filesystem::is_directory(path)) {
    return path;
  }
  const bench::CampaignFolder folder{path};
  const bench::Manifest manifest = bench::read_manifest(folder.manifest());
  if (!std::filesystem::exists(folder.merged())) {
    if (manifest.shards.size() > 1) {
      throw InputError(
          fmt::format("{} is not merged; run eebench merge {}", path.string(), path.string()));
    }
    return folder.task_file();
  }
  std::size_t measured = 0;
  bench::CampaignFolder task = folder;
  for (const bench::Shard& shard : manifest.shards) {
    measured += std::filesystem::exists(task.task_file()) ? shard.points.size() : 0;
    ++task.shard;
  }
  if (bench::TaskReader(folder.merged()).points() < measured) {
    throw InputError(fmt::format("{} lacks tasks that have ended since; run eebench merge {} again",
                                 folder.merged().string(), path.string()));
  }
  return folder.merged();
}

std::string comparison_text(const Comparison& comparison) {
  Table table;
  table.columns = {{"model", "", {}, true},
                   {"rule", "", {}, true},
                   {"threshold", "", {}, true},
                   {"scenario", "", {}, true},
                   {"executor", "", {}, true},
                   {"batch", "jets", {}},
                   {"repeats", "", {}},
                   {"a", "ms", {}},
                   {"b", "ms", {}},
                   {"b / a", "", {}},
                   {"p", "", {}},
                   {"verdict", "", {}, true}};
  const bool several = std::any_of(
      comparison.points.begin(), comparison.points.end(),
      [&](const ComparedPoint& point) { return point.job != comparison.points.front().job; });
  const bool crowded = std::any_of(comparison.points.begin(), comparison.points.end(),
                                   [](const ComparedPoint& point) { return point.crowded; });
  if (several || crowded) {
    table.columns.push_back({"job", "", {}, true});
  }
  std::map<Verdict, int> counts;
  for (const ComparedPoint& point : comparison.points) {
    ++counts[point.verdict];
    const std::string cells[] = {point.model,
                                 point.rule,
                                 point.threshold,
                                 point.scenario,
                                 point.executor,
                                 fmt::format("{}", point.batch),
                                 fmt::format("{}, {}", point.a.size(), point.b.size()),
                                 number(1e3 * stats::median(point.a)),
                                 number(1e3 * stats::median(point.b)),
                                 std::isnan(point.interval.low)
                                     ? fmt::format("{:.3f}", point.ratio)
                                     : fmt::format("{:.3f} [{:.3f}, {:.3f}]", point.ratio,
                                                   point.interval.low, point.interval.high),
                                 fmt::format("{:.2g}", point.p),
                                 name(point.verdict),
                                 describe(point.job) + (point.crowded ? " \\*" : "")};
    for (std::size_t column = 0; column < table.columns.size(); ++column) {
      table.columns[column].cells.push_back(cells[column]);
    }
  }
  std::string text = to_markdown(table) + "\nMedian time of a batch over repeats.";
  for (const auto& row : verdict_names) {
    text += fmt::format(" {} {}{}", row.name, counts[row.value],
                        row.value == Verdict::ambiguous ? "." : ",");
  }
  text += fmt::format(
      " A verdict takes {} repeats on both sides; where nothing changed, one in {:.0f} is FAST or "
      "SLOW by chance.\n",
      repeats_for_a_verdict, 1.0 / significance);
  if (crowded) {
    text += "\\* More ranks than cores: such times do not say how fast the machine is.\n";
  }
  if (comparison.only_a + comparison.only_b > 0) {
    text += fmt::format("Points in a alone: {}, in b alone: {}.\n", comparison.only_a,
                        comparison.only_b);
  }
  if (!comparison.differences.empty()) {
    text += fmt::format("The campaigns differ in {}.\n", fmt::join(comparison.differences, "; "));
  }
  return text;
}

}  // namespace eebench::report
