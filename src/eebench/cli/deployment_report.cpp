#include "eebench/cli/deployment_report.hpp"

#include <array>
#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <numeric>
#include <string>

#include <fmt/format.h>

#include "eebench/stats/quantile.hpp"

namespace eebench::cli {
namespace {

constexpr std::array percentiles{50, 90, 99};
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

/// Answers of jets on the root.
struct Jets {
  std::vector<float> logits;
  std::vector<std::int64_t> labels;
  std::vector<double> latency;
};

Jets of_tier(const Jets& all, const std::vector<std::int64_t>& exit_index, std::size_t classes,
             const model::Segments& segments) {
  Jets some;
  for (std::size_t jet = 0; jet < exit_index.size(); ++jet) {
    if (segments.hold(exit_index[jet])) {
      const float* logits = &all.logits[jet * classes];
      some.logits.insert(some.logits.end(), logits, logits + classes);
      some.labels.push_back(all.labels[jet]);
      some.latency.push_back(all.latency[jet]);
    }
  }
  return some;
}

void add(DeploymentReport& report, const Jets& jets, std::size_t classes, double batches) {
  report.accuracy.push_back(
      stats::accuracy({jets.logits, jets.labels, static_cast<std::int64_t>(classes)}));
  for (const int percentile : percentiles) {
    const double p = percentile / 100.0;
    const bool tells = batches >= static_cast<double>(stats::quantile_floor(p));
    report.latency.push_back(tells ? stats::nearest_rank(jets.latency, p) : nan);
  }
}

double sum(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0);
}

/// Nothing for tiers that had none.
double ratio(double part, double whole) { return whole > 0.0 ? part / whole : nan; }

}  // namespace

DeploymentReport summarise(const comm::Communicator& comm, const deploy::Plan& plan,
                           const deploy::Deployment& deployment) {
  DeploymentReport report{.figures = deployment.figures};
  const store::TakenExits& share = deployment.share;
  const std::size_t classes = share.classes.size();
  const Jets all{store::gather_on_root(comm, share.logits),
                 store::gather_on_root(comm, share.labels),
                 store::gather_on_root(comm, deployment.latency)};
  const std::vector<std::int64_t> exit_index = store::gather_on_root(comm, share.exit_index);
  const auto jets = comm.all_reduce(share.jets(), comm::Reduce::sum);
  report.throughput = static_cast<double>(jets) / report.figures.seconds;
  const auto batches =
      comm.all_reduce((share.jets() + plan.batch - 1) / plan.batch, comm::Reduce::sum);
  add(report, all, classes, static_cast<double>(batches));
  for (std::size_t tier = 0; tier < plan.tiers.size(); ++tier) {
    add(report, of_tier(all, exit_index, classes, plan.segments_of(tier)), classes,
        report.figures.answer_batches[tier]);
  }
  return report;
}

void write_report(store::ShareFile& file, const deploy::Plan& plan,
                  const deploy::Deployment& deployment, const DeploymentReport& report) {
  const auto of_tiers = [&](const std::function<double(std::size_t)>& value) {
    std::vector<double> values;
    for (std::size_t tier = 0; tier < plan.tiers.size(); ++tier) {
      values.push_back(value(tier));
    }
    return values;
  };
  const auto put = [&](const char* name, const std::vector<double>& values, const char* meaning,
                       const char* unit, const std::string& mark) {
    file.write_whole(name, {"tier"}, values, meaning, unit).set_attribute("mark", mark);
  };
  const std::string timed = plan.emulated() ? "emulated" : "measured";
  const deploy::Figures& figures = report.figures;
  const std::vector<deploy::Tier>& tiers = plan.tiers;
  std::vector<std::string> names;
  for (const deploy::Tier& tier : tiers) {
    names.push_back(tier.name);
  }
  file.dimension("tier", names);
  file.dimension("percentile", std::vector<std::int32_t>(percentiles.begin(), percentiles.end()));

  put("segments", of_tiers([&](std::size_t t) { return static_cast<double>(tiers[t].segments); }),
      "segments that the tier runs", "1", "setting");
  put("ranks", of_tiers([&](std::size_t t) { return static_cast<double>(tiers[t].ranks); }),
      "ranks of the tier", "1", "setting");
  put("link_latency", of_tiers([&](std::size_t t) { return tiers[t].link.latency; }),
      "emulated latency from the tier before, and back", "s", "setting");
  put("link_bandwidth", of_tiers([&](std::size_t t) { return tiers[t].link.bandwidth; }),
      "emulated bandwidth likewise, for each pair of ranks", "byte s-1", "setting");
  put("entered", figures.entered, "jets that the tier was handed", "1", "measured");
  put("answered", figures.answered, "jets that left there", "1", "measured");
  put("accuracy", of_tiers([&](std::size_t t) { return report.accuracy[t + 1].value; }),
      "of the jets that left there", "1", "measured");
  put("accuracy_ci_low",
      of_tiers([&](std::size_t t) { return report.accuracy[t + 1].interval.low; }),
      "Wilson's 95 % interval", "1", "measured");
  put("accuracy_ci_high",
      of_tiers([&](std::size_t t) { return report.accuracy[t + 1].interval.high; }),
      "Wilson's 95 % interval", "1", "measured");
  put("runs", figures.runs, "batches that the tier ran", "1", timed);
  put("sent_bytes", figures.sent_bytes, "sent with jets to the next tier", "byte", timed);
  put("answer_bytes", figures.answer_bytes, "sent with answers to the first tier", "byte", timed);
  put("compute_time", figures.compute_seconds, "in stem, segments, heads and decisions, all ranks",
      "s", timed);
  put("blocked_time", figures.blocked_seconds,
      "with jets that the next tier had no room for, all ranks", "s", timed);
  const auto row = static_cast<std::ptrdiff_t>(percentiles.size());
  const auto latency = report.latency.begin();
  file.write_whole("latency", {"percentile"}, std::vector<double>(latency, latency + row),
                   "from the hand-over of a jet's batch to its answer", "s")
      .set_attribute("mark", timed);
  file.write_whole("latency_tier", {"tier", "percentile"},
                   std::vector<double>(latency + row, report.latency.end()),
                   "the same of the jets that left there", "s")
      .set_attribute("mark", timed);
  file.write("latency_jet", {"jet"}, deployment.latency, "the same of each jet", "s")
      .set_attribute("mark", timed);
}

report::Table to_table(const deploy::Plan& plan, const DeploymentReport& report) {
  const deploy::Figures& figures = report.figures;
  const double jets = sum(figures.answered);
  report::Table table;
  const auto column = [&](const std::string& name, const std::string& unit,
                          const std::function<std::string(std::size_t)>& of_tier,
                          const std::string& of_all) {
    std::vector<std::string> cells;
    for (std::size_t tier = 0; tier < plan.tiers.size(); ++tier) {
      cells.push_back(of_tier(tier));
    }
    cells.push_back(of_all);
    table.columns.push_back({name, unit, cells, name == "tier"});
  };
  const auto numbers = [&](const std::string& name, const std::string& unit,
                           const std::function<double(std::size_t)>& of_tier, double of_all) {
    column(
        name, unit, [&](std::size_t tier) { return report::number(of_tier(tier)); },
        report::number(of_all));
  };
  const auto count = [](double value) { return fmt::format("{:.0f}", value); };
  const auto rank_seconds = [&](std::size_t tier) {
    return figures.seconds * static_cast<double>(plan.tiers[tier].ranks);
  };
  column(
      "tier", "", [&](std::size_t t) { return plan.tiers[t].name; }, "all");
  column(
      "segments", "", [&](std::size_t t) { return std::to_string(plan.tiers[t].segments); },
      std::to_string(plan.segments_of(plan.tiers.size() - 1).last));
  column(
      "ranks", "", [&](std::size_t t) { return std::to_string(plan.tiers[t].ranks); },
      std::to_string(plan.ranks()));
  column(
      "jets in", "", [&](std::size_t t) { return count(figures.entered[t]); }, count(jets));
  numbers(
      "share answered", "%",
      [&](std::size_t t) { return ratio(100.0 * figures.answered[t], jets); },
      jets > 0.0 ? 100.0 : nan);
  numbers(
      "accuracy", "", [&](std::size_t t) { return report.accuracy[t + 1].value; },
      report.accuracy[0].value);
  numbers(
      "jets a run", "", [&](std::size_t t) { return ratio(figures.entered[t], figures.runs[t]); },
      nan);
  numbers(
      "sent a jet that goes on", "byte",
      [&](std::size_t t) {
        return t + 1 < plan.tiers.size() ? ratio(figures.sent_bytes[t], figures.entered[t + 1])
                                         : nan;
      },
      nan);
  numbers(
      "sent a jet of all", "byte",
      [&](std::size_t t) { return ratio(figures.sent_bytes[t] + figures.answer_bytes[t], jets); },
      ratio(sum(figures.sent_bytes) + sum(figures.answer_bytes), jets));
  numbers(
      "computing", "%",
      [&](std::size_t t) { return ratio(100.0 * figures.compute_seconds[t], rank_seconds(t)); },
      nan);
  numbers(
      "blocked", "%",
      [&](std::size_t t) {
        return t + 1 < plan.tiers.size()
                   ? ratio(100.0 * figures.blocked_seconds[t], rank_seconds(t))
                   : nan;
      },
      nan);
  for (std::size_t p = 0; p < percentiles.size(); ++p) {
    const auto latency = [&](std::size_t row) {
      return 1e3 * report.latency[row * percentiles.size() + p];
    };
    numbers(
        fmt::format("latency p{}", percentiles[p]), "ms",
        [&](std::size_t t) { return latency(t + 1); }, latency(0));
  }
  return table;
}

}  // namespace eebench::cli
