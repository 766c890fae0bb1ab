#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "eebench/bench/campaign.hpp"
#include "eebench/bench/effort.hpp"
#include "eebench/bench/manifest.hpp"
#include "eebench/cli/command.hpp"
#include "eebench/cli/provenance.hpp"
#include "eebench/cli/subject.hpp"
#include "eebench/cli/suite_options.hpp"
#include "eebench/cli/training_stage.hpp"
#include "eebench/comm/same_input.hpp"
#include "eebench/core/shell.hpp"
#include "eebench/report/campaign_report.hpp"
#include "eebench/report/points_table.hpp"
#include "eebench/report/progress.hpp"
#include "eebench/sys/signals.hpp"

namespace eebench::cli {
namespace {

struct Options {
  SuiteOptions suite;
  std::string shard;
  std::string format = "markdown";
  int threads = 1;
  bool resume = false;
};

/// A whole number and nothing else; -1 where it is none.
std::int64_t whole_number(std::string_view text) {
  std::int64_t value = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() ? value : -1;
}

/// The folder with the shard that is to be measured: --shard, or where the campaign was planned in
/// several, the task of the array that this job is.
bench::CampaignFolder folder_of(const Options& options, const bench::Suite& suite) {
  bench::CampaignFolder folder{campaign_folder(options.suite, suite)};
  std::int64_t planned = 0;
  if (std::filesystem::exists(folder.manifest())) {
    planned = static_cast<std::int64_t>(bench::read_manifest(folder.manifest()).shards.size());
  }
  std::string origin = "--shard";
  if (!options.shard.empty()) {
    const std::size_t slash = std::min(options.shard.find('/'), options.shard.size() - 1);
    folder.shard = whole_number(options.shard.substr(0, slash));
    folder.shards = whole_number(options.shard.substr(slash + 1));
  } else if (planned > 1) {
    const char* const task = std::getenv("SLURM_ARRAY_TASK_ID");
    if (task == nullptr) {
      throw InputError(fmt::format(
          "{} was planned in {} shards; give --shard i/{}, or submit an array: sbatch --array=0-{}",
          folder.root.string(), planned, planned, planned - 1));
    }
    origin = "SLURM_ARRAY_TASK_ID";
    folder.shard = whole_number(task);
    folder.shards = planned;
  }
  if (folder.shard < 0 || folder.shard >= folder.shards) {
    throw InputError(fmt::format("{}: no such shard; shards are 0/N to N-1/N{}", origin,
                                 planned > 0 ? fmt::format(", here N = {}", planned) : ""));
  }
  return folder;
}

std::string resume_command(const Options& options, const bench::CampaignFolder& folder,
                           const Context& context) {
  const std::string& typed = context.command_line;
  return fmt::format(
      "mpirun -n {} {}{}{}{}", context.comm.size(), typed == "eebench" ? "eebench bench" : typed,
      options.suite.output.empty() ? " -o " + shell_quoted(folder.root.string()) : "",
      folder.shards > 1 && options.shard.empty()
          ? fmt::format(" --shard {}/{}", folder.shard, folder.shards)
          : "",
      options.resume ? "" : " --resume");
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
  /// A point says nothing while it is measured, which the effort may want longer.
  void alive() {
    const double point_seconds = 2.0 * bench::parse_effort(suite_.effort).max_seconds;
    context_.watchdog.enter("bench:" + stage_, context_.phase_seconds > 0.0
                                                   ? context_.phase_seconds + point_seconds
                                                   : 0.0);
  }

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
  if (folder.shards == 1) {
    report::write_summaries(folder, task);
  }
  if (options.format == "markdown") {
    fmt::print("{}{}{}\n", training, training.empty() ? "" : "\n",
               report::summary_text(task, report::Columns::few));
  } else {
    const report::Table table = report::points_table(task);
    fmt::print("{}", options.format == "csv" ? report::to_csv(table) : report::to_json(table));
  }
}

ExitCode run_bench(const Options& options, Context& context) {
  ChosenSuite chosen;
  bench::CampaignFolder folder;
  context.comm.agree([&] { chosen = choose_suite(options.suite); });
  comm::require_same(chosen.sha256, chosen.origin, context.comm);
  const bench::Suite& suite = chosen.suite;
  context.comm.agree([&] {
    if (context.comm.is_root()) {
      folder = folder_of(options, suite);
    }
  });
  folder = {context.comm.broadcast(folder.root.string()),
            context.comm.all_reduce(folder.shard, comm::Reduce::max),
            context.comm.all_reduce(folder.shards, comm::Reduce::max)};
  const std::string command = resume_command(options, folder, context);
  std::string training;
  bench::Outcome outcome;
  {
    Surroundings surroundings(suite, options, context);
    bench::Hooks hooks = surroundings.hooks();
    hooks.before_measuring = [&] {
      if (suite.training && folder.shard == 0) {
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
  add_suite_options(app, o->suite);
  app.add_option("--shard", o->shard,
                 "i/N: only the part i of N, 0/N to N-1/N; of a planned campaign by default the "
                 "task of the Slurm array");
  add_threads(app, o->threads);
  app.add_option("--format", o->format,
                 "markdown for people; csv or json with every number of a point")
      ->check(CLI::IsMember({"markdown", "csv", "json"}))
      ->capture_default_str();
  app.add_flag("--resume", o->resume, "Go on with what is in -o; begins if there is nothing");
  return [o](Context& context) { return run_bench(*o, context); };
}

}  // namespace eebench::cli
