#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "eebench/bench/campaign.hpp"
#include "eebench/bench/effort.hpp"
#include "eebench/cli/command.hpp"
#include "eebench/cli/provenance.hpp"
#include "eebench/cli/subject.hpp"
#include "eebench/cli/training_stage.hpp"
#include "eebench/comm/same_input.hpp"
#include "eebench/core/digest.hpp"
#include "eebench/core/names.hpp"
#include "eebench/core/shell.hpp"
#include "eebench/report/campaign_report.hpp"
#include "eebench/report/points_table.hpp"
#include "eebench/report/progress.hpp"
#include "eebench/sys/environment.hpp"
#include "eebench/sys/resource.hpp"
#include "eebench/sys/signals.hpp"

namespace eebench::cli {
namespace {

struct Options {
  std::string suite = "quickstart";
  std::vector<std::string> overrides;
  std::string effort;
  std::string output;
  std::string device;
  std::string format = "markdown";
  int threads = 1;
  bool resume = false;
};

/// A TOML file, or the name of one that travels along.
std::filesystem::path suite_file(const std::string& suite) {
  if (suite.ends_with(".toml")) {
    return suite;
  }
  const std::filesystem::path folder = sys::find_resource("suites");
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() == ".toml") {
      names.push_back(entry.path().stem());
    }
  }
  if (std::find(names.begin(), names.end(), suite) == names.end()) {
    throw_unknown("suite", suite, "", names);
  }
  return folder / (suite + ".toml");
}

bench::Suite suite_of(const Options& options) {
  std::vector<std::string> overrides = options.overrides;
  if (!options.effort.empty()) {
    overrides.push_back("effort=" + options.effort);
  }
  if (!options.device.empty()) {
    overrides.push_back("device=" + options.device);
  }
  return bench::load_suite(suite_file(options.suite), overrides);
}

/// results/<suite>-<UTC>-<hash of the suite> where no folder was given.
std::string folder_of(const Options& options, const bench::Suite& suite) {
  if (!options.output.empty()) {
    return options.output;
  }
  std::string stamp;
  for (const char c : sys::utc_now()) {
    if (c != '-' && c != ':') {
      stamp += c;
    }
  }
  return fmt::format("results/{}-{}-{}", suite.name, stamp,
                     sha256(bench::to_toml(suite)).substr(0, 8));
}

std::string resume_command(const Options& options, const std::string& folder,
                           const Context& context) {
  const std::string& typed = context.command_line;
  return fmt::format("mpirun -n {} {}{}{}", context.comm.size(),
                     typed == "eebench" ? "eebench bench" : typed,
                     options.output.empty() ? " -o " + shell_quoted(folder) : "",
                     options.resume ? "" : " --resume");
}

/// Seconds after which a stage has hung.
double deadline_of(const bench::Suite& suite) {
  return seconds_without_progress + 2.0 * bench::parse_effort(suite.effort).max_seconds;
}

/// Hooks that tell the user on the root's terminal and the watchdog everywhere.
class Surroundings {
 public:
  Surroundings(const bench::Suite& suite, const Options& options, Context& context)
      : suite_(suite), options_(options), context_(context), progress_(stderr) {}

  bench::Hooks hooks() {
    bench::Hooks hooks;
    hooks.open = [this](const bench::ModelEntry& model, const bench::Suite& suite) {
      return open_subject(context_, model, suite, options_.threads);
    };
    hooks.on_stage = [this](const std::string& stage) {
      stage_ = stage;
      alive();
    };
    hooks.on_pass = [this](std::int64_t done, std::int64_t all) {
      alive();
      show(report::share_line(stage_, done, all), done == all);
    };
    hooks.say = [this](const std::string& line) { say(line); };
    hooks.on_point = [this](const bench::Standing& standing) {
      if (done_before_ < 0) {
        done_before_ = standing.done - 1;
        timer_.restart();
      }
      show(report::progress_line(standing, timer_.seconds(), done_before_),
           standing.done == standing.points);
    };
    hooks.stop_requested = [this] { return signals_.received() != 0; };
    return hooks;
  }

  void say(const std::string& line) {
    if (context_.comm.is_root()) {
      progress_.say(line);
    }
  }

 private:
  void alive() { context_.watchdog.enter("bench:" + stage_, deadline_of(suite_)); }

  void show(const std::string& line, bool is_last) {
    if (context_.comm.is_root()) {
      progress_.show(line, is_last);
    }
  }

  const bench::Suite& suite_;
  const Options& options_;
  Context& context_;
  report::Progress progress_;
  sys::ScopedSignals signals_;
  sys::Timer timer_;
  std::string stage_;
  std::int64_t done_before_ = -1;
};

void report_results(const Options& options, const bench::CampaignFolder& folder,
                    const std::string& training) {
  const bench::TaskReader task(folder.task_file());
  report::write_summaries(folder, task);
  if (options.format == "markdown") {
    fmt::print("{}{}{}\n", training, training.empty() ? "" : "\n", report::summary_text(task));
  } else {
    const report::Table table = report::points_table(task);
    fmt::print("{}", options.format == "csv" ? report::to_csv(table) : report::to_json(table));
  }
}

ExitCode run_bench(const Options& options, Context& context) {
  bench::Suite suite;
  std::string text;  // of the file: resolved paths may differ where nodes mount differently
  context.comm.agree([&] {
    suite = suite_of(options);
    text = sha256_file(suite_file(options.suite));
  });
  comm::require_same(text, options.suite, context.comm);
  const bench::CampaignFolder folder{context.comm.broadcast(folder_of(options, suite))};
  const std::string command = resume_command(options, folder.root.string(), context);
  std::string training;
  bench::Outcome outcome;
  {
    Surroundings surroundings(suite, options, context);
    bench::Hooks hooks = surroundings.hooks();
    hooks.before_measuring = [&] {
      if (suite.training) {
        surroundings.say("training");
        training =
            run_training_stage(*suite.training, suite, folder.root, options.threads, context);
      }
    };
    outcome = bench::run_campaign(context.comm, suite, folder, options.resume,
                                  provenance(context.comm, suite, folder.root.filename().string(),
                                             context.command_line, options.threads),
                                  hooks);
  }
  context.comm.agree([&] {
    if (context.comm.is_root()) {
      if (!outcome.stopped) {
        report_results(options, folder, training);
      }
      fmt::print(options.format == "markdown" ? stdout : stderr, "{}",
                 report::final_block(folder, outcome, command));
    }
  });
  if (outcome.stopped) {
    return ExitCode::preempted;
  }
  return outcome.failed.empty() ? ExitCode::ok : ExitCode::points_failed;
}

}  // namespace

Runner setup_bench(CLI::App& app) {
  const auto o = std::make_shared<Options>();
  app.add_option("--suite", o->suite, "Name of `eebench list suites` or a TOML file")
      ->capture_default_str();
  app.add_option("-a,--axis", o->overrides,
                 "Replaces an axis or setting of the suite, repeatable: threshold=0.5:0.9:0.1, "
                 "batch=[1,64], rule=margin, model=..., scenario=..., data=FILE, jets=2000, "
                 "run_jets=500, choose={data=\"FILE\",loss=0.001}, seed=1, deterministic=true")
      ->allow_extra_args(false);
  app.add_option("--effort", o->effort, "smoke, quick, standard or official; default: the suite's");
  app.add_option("-o,--output", o->output,
                 "Folder of the campaign; default: results/<suite>-<UTC>-<hash>")
      ->check(named("folder"));
  app.add_option("--device", o->device,
                 "cpu or cuda (one GPU per local rank); default: the suite's")
      ->check(CLI::IsMember({"cpu", "cuda"}));
  add_threads(app, o->threads);
  app.add_option("--format", o->format,
                 "markdown for people; csv or json with every number of a point")
      ->check(CLI::IsMember({"markdown", "csv", "json"}))
      ->capture_default_str();
  app.add_flag("--resume", o->resume, "Go on with the campaign in -o; begins one if there is none");
  return [o](Context& context) { return run_bench(*o, context); };
}

}  // namespace eebench::cli
