#include <algorithm>
#include <cmath>
#include <functional>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "eebench/bench/expected_time.hpp"
#include "eebench/bench/manifest.hpp"
#include "eebench/bench/subject.hpp"
#include "eebench/cli/command.hpp"
#include "eebench/cli/subject.hpp"
#include "eebench/cli/suite_options.hpp"
#include "eebench/core/shell.hpp"
#include "eebench/report/submission.hpp"
#include "eebench/report/table.hpp"
#include "eebench/sys/files.hpp"
#include "eebench/sys/resource.hpp"

namespace eebench::cli {
namespace {

constexpr double seconds_per_minute = 60.0;

struct Options {
  SuiteOptions suite;
  std::int64_t shards = 1;
  double shard_minutes = 0.0;
  std::int64_t repeats = 1;
  std::vector<std::int64_t> ranks = {1};
  std::vector<std::int64_t> threads = {1};
  std::vector<std::int64_t> nodes = {1};
  std::string like;
  bool dry_run = false;
};

template <class Items, class Text>
std::string listed(const Items& items, const Text& text) {
  std::vector<std::string> words;
  std::transform(items.begin(), items.end(), std::back_inserter(words), text);
  return fmt::format("{}", fmt::join(words, ", "));
}

std::string thresholds_text(const bench::Thresholds& thresholds) {
  return listed(thresholds, [](const std::vector<double>& entry) {
    std::vector<std::string> words;
    std::transform(entry.begin(), entry.end(), std::back_inserter(words), report::threshold_text);
    return fmt::format("{}", fmt::join(words, " "));
  });
}

/// Every combination in which all nodes get equally many ranks.
std::vector<bench::JobSize> jobs_of(const Options& options) {
  std::vector<bench::JobSize> jobs;
  for (const std::int64_t ranks : options.ranks) {
    for (const std::int64_t threads : options.threads) {
      for (const std::int64_t nodes : options.nodes) {
        const bench::JobSize job{ranks, threads, nodes};
        if (ranks % nodes == 0 && std::find(jobs.begin(), jobs.end(), job) == jobs.end()) {
          jobs.push_back(job);
        }
      }
    }
  }
  if (jobs.empty()) {
    throw InputError(
        fmt::format("--nodes {}: all need equally many ranks; give --ranks that it divides",
                    fmt::join(options.nodes, ",")));
  }
  return jobs;
}

report::Table axes_table(const bench::Suite& suite, const Options& options) {
  report::Table table;
  table.columns = {{"axis", "", {}, true}, {"values", "", {}}, {"", "", {}, true}};
  const auto add = [&](const std::string& axis, std::size_t count, const std::string& values) {
    table.columns[0].cells.push_back(axis);
    table.columns[1].cells.push_back(std::to_string(count));
    table.columns[2].cells.push_back(values);
  };
  add("model", suite.models.size(),
      listed(suite.models, [](const bench::ModelEntry& model) { return model.name; }));
  add("rule", suite.rules.size(), fmt::format("{}", fmt::join(suite.rules, ", ")));
  for (const auto& [rule, thresholds] : suite.rule_thresholds) {
    add("threshold of " + rule, thresholds.size(), thresholds_text(thresholds));
  }
  if (!suite.thresholds.empty()) {
    add("threshold", suite.thresholds.size(), thresholds_text(suite.thresholds));
  }
  if (suite.choosing) {
    add("loss", suite.choosing->losses.size(),
        fmt::format("{}", fmt::join(suite.choosing->losses, ", ")));
  }
  add("batch", suite.batches.size(), fmt::format("{}", fmt::join(suite.batches, ", ")));
  add("scenario", suite.scenarios.size(), listed(suite.scenarios, [](bench::Scenario scenario) {
        return std::string(bench::name(scenario));
      }));
  add("executor", suite.engines.size(),
      listed(suite.engines, [](bench::Engine engine) { return std::string(bench::name(engine)); }));
  add("ranks", options.ranks.size(), fmt::format("{}", fmt::join(options.ranks, ", ")));
  add("threads", options.threads.size(), fmt::format("{}", fmt::join(options.threads, ", ")));
  add("nodes", options.nodes.size(), fmt::format("{}", fmt::join(options.nodes, ", ")));
  if (options.repeats > 1) {
    add("repeat", static_cast<std::size_t>(options.repeats), "each in processes of its own");
  }
  return table;
}

/// "3" or "3-5", from the least of `low` to the most of `high`.
std::string range(const std::vector<double>& low, const std::vector<double>& high,
                  const std::function<std::string(double)>& text = report::number) {
  const std::string least = text(*std::min_element(low.begin(), low.end()));
  const std::string most = text(*std::max_element(high.begin(), high.end()));
  return least == most ? least : least + "-" + most;
}

/// What a shard takes: points, minutes and megabytes, from the smallest shard to the largest.
report::Table shards_table(const bench::Manifest& manifest, const bench::ExpectedTime& time,
                           const bench::Layout& layout) {
  std::vector<double> points;
  std::vector<double> least;
  std::vector<double> most;
  std::vector<double> megabytes;
  for (const bench::Shard& shard : manifest.shards) {
    bench::Layout own = layout;
    own.hosts.resize(static_cast<std::size_t>(shard.job.ranks));
    own.points.resize(shard.points.size());
    points.push_back(static_cast<double>(shard.points.size()));
    megabytes.push_back(1e-6 * static_cast<double>(bench::size_of(own)));
    least.push_back(0.0);
    most.push_back(0.0);
    for (const std::int64_t point : shard.points) {
      least.back() += time.least[static_cast<std::size_t>(point)] / seconds_per_minute;
      most.back() += time.most[static_cast<std::size_t>(point)] / seconds_per_minute;
    }
  }
  const bool is_known = *std::max_element(most.begin(), most.end()) > 0.0;
  const auto whole = [](double count) { return fmt::format("{:.0f}", count); };
  report::Table table;
  table.columns = {{"shards", "", {std::to_string(manifest.shards.size())}},
                   {"points each", "", {range(points, points, whole)}},
                   {"time each", "min", {is_known ? range(least, most) : ""}},
                   {"file each", "MB", {range(megabytes, megabytes)}}};
  return table;
}

/// ", each in 3 job sizes, each 2 times"; empty where there is one of each.
std::string times_text(std::size_t jobs, std::int64_t repeats) {
  const std::string text = jobs > 1 ? fmt::format(", each in {} job sizes", jobs) : "";
  return text + (repeats > 1 ? fmt::format(", each {} times", repeats) : "");
}

/// Shards of a repeat of one job size.
std::int64_t parts_of(const Options& options, const bench::ExpectedTime& time,
                      const bench::Suite& suite) {
  const auto points = static_cast<std::int64_t>(time.most.size());
  if (options.shard_minutes <= 0.0) {
    return std::min(options.shards, points);
  }
  const double minutes =
      std::accumulate(time.most.begin(), time.most.end(), 0.0) / seconds_per_minute;
  if (minutes == 0.0) {
    throw InputError(fmt::format(
        "effort {} sets no time to a point, so --shard-minutes says nothing; give --shards or "
        "--like an earlier campaign",
        suite.effort));
  }
  const double parts = std::ceil(minutes / options.shard_minutes);
  return static_cast<std::int64_t>(std::min(parts, static_cast<double>(points)));
}

/// More are a mistake: Slurm's arrays hold a thousand tasks unless told otherwise.
void check_jobs(double count) {
  constexpr double most = 100'000;
  if (count > most) {
    throw InputError(fmt::format(
        "{:.6g} jobs by --shards, --repeats and sizes of jobs, at most {:.0f} can be planned; give "
        "fewer",
        count, most));
  }
}

/// What submits the shards; `eebench bench` finds suite and shard in the folder.
std::string submission(const bench::CampaignFolder& folder, const bench::Manifest& manifest) {
  const std::string quoted = shell_quoted(folder.root.string());
  std::vector<bench::JobSize> jobs;
  for (const bench::Shard& shard : manifest.shards) {
    jobs.push_back(shard.job);
  }
  std::vector<std::int64_t> all(jobs.size());
  std::iota(all.begin(), all.end(), 0);
  constexpr std::string_view next = "\n    ";
  return fmt::format(
      "Submit it:{}{}\n"
      "Or one by one:{}{}\n"
      "Look at it:  eebench status {}\n"
      "At the end:  eebench merge {}\n",
      next, fmt::join(report::submissions(folder.root, all, jobs), next), next,
      fmt::join(report::commands(folder.root, all, jobs), next), quoted, quoted);
}

ExitCode run_plan(const Options& options, Context& context) {
  const comm::Communicator& comm = context.comm;
  bench::Suite suite;
  bench::CampaignFolder folder;
  std::vector<bench::JobSize> jobs;
  comm.agree([&] {
    jobs = jobs_of(options);
    suite = choose_suite(options.suite).suite;
    folder.root = campaign_folder(options.suite, suite);
    if (!options.dry_run && std::filesystem::exists(folder.manifest())) {
      throw InputError(
          fmt::format("{} holds a campaign already; give another -o", folder.root.string()));
    }
    if (comm.is_root()) {  // before networks are loaded and a grid is made
      fmt::print("{}\n", report::to_markdown(axes_table(suite, options)));
      std::fflush(stdout);
    }
  });
  bench::Suite here = suite;
  here.device = "cpu";  // where one plans there may be no GPU
  const std::vector<bench::Subject> subjects = bench::open_subjects(
      here,
      [&](const bench::ModelEntry& model, const bench::Suite& s) {
        return open_subject(context, model, s, 1);
      },
      [&](const std::string& stage) {
        context.watchdog.enter("plan:" + stage, context.phase_seconds);
      });
  comm.agree([&] {
    if (!comm.is_root()) {
      return;
    }
    const std::vector<bench::Point> points = bench::grid_of(suite, subjects);
    const bench::ExpectedTime time = options.like.empty()
                                         ? bench::time_by_effort(suite, points)
                                         : bench::time_as_in(options.like, suite, points);
    // Where nothing is known, all weigh the same.
    const bool is_known = std::accumulate(time.most.begin(), time.most.end(), 0.0) > 0.0;
    const std::vector<double> weights =
        is_known ? time.most : std::vector<double>(points.size(), 1.0);
    const std::int64_t parts = parts_of(options, time, suite);
    check_jobs(static_cast<double>(parts) * static_cast<double>(jobs.size()) *
               static_cast<double>(options.repeats));
    const bench::Manifest manifest = bench::make_manifest(
        suite, points, bench::split(points, weights, parts, jobs, options.repeats, suite.seed));
    const bench::Layout layout = bench::layout_of(suite, subjects, points, {});
    fmt::print("{}\n\n{}\nTime {}, without loading networks and their passes through all exits.\n",
               bench::describe(suite, points) + times_text(jobs.size(), options.repeats),
               report::to_markdown(shards_table(manifest, time, layout)),
               options.like.empty() ? "by effort " + suite.effort : "as in " + options.like);
    if (options.dry_run) {
      return;
    }
    sys::make_writable_folder(folder.root);
    bench::write_manifest(manifest, folder.manifest());
    fmt::print("\nWrote {}\n{}", folder.manifest().string(), submission(folder, manifest));
  });
  return ExitCode::ok;
}

}  // namespace

Runner setup_plan(CLI::App& app) {
  const auto o = std::make_shared<Options>();
  add_suite_options(app, o->suite);
  CLI::Option* const shards =
      app.add_option("--shards", o->shards, "Jobs to divide the points among, of each repeat")
          ->check(at_least(1))
          ->capture_default_str();
  app.add_option("--shard-minutes", o->shard_minutes,
                 "Instead: as many that none should take more minutes")
      ->check(above_zero)
      ->excludes(shards);
  app.add_option(
         "--repeats", o->repeats,
         "Times that every point is measured, each in processes of its own; compare wants 9")
      ->check(at_least(1))
      ->capture_default_str();
  const auto add_sizes = [&app](const char* name, std::vector<std::int64_t>& sizes,
                                const char* meaning) {
    app.add_option(name, sizes, meaning)->delimiter(',')->check(at_least(1))->capture_default_str();
  };
  add_sizes("--ranks", o->ranks, "MPI ranks of a job, of all its nodes; several: 1,2,4");
  add_sizes("--threads", o->threads, "Threads of each rank; several: 1,2");
  add_sizes("--nodes", o->nodes,
            "Nodes of a job; several: 1,2, each with every --ranks that it divides");
  app.add_option("--like", o->like, "Campaign whose points tell how long such points take")
      ->check(named("campaign"));
  app.add_flag("--dry-run", o->dry_run, "Only say what it would be; write nothing");
  return [o](Context& context) { return run_plan(*o, context); };
}

}  // namespace eebench::cli
