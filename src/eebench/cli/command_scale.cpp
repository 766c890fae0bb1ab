#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "eebench/cli/answers_file.hpp"
#include "eebench/cli/command.hpp"
#include "eebench/cli/provenance.hpp"
#include "eebench/cli/scaling_report.hpp"
#include "eebench/cli/scaling_stages.hpp"
#include "eebench/report/progress.hpp"

namespace eebench::cli {
namespace {

struct Options {
  ScalingWork work;
  std::string stage = "train";
  std::string mode = "strong";
  std::vector<int> ranks;
  std::vector<std::int64_t> sizes;
  bench::ScalingPlan plan;
  bool emulate = false;
  std::filesystem::path output;
};

/// A sum takes two.
int fewest_ranks(const Options& options) { return options.stage == "allreduce" ? 2 : 1; }

/// Doubled from the fewest, and all that there are.
std::vector<int> default_ranks(int fewest, int world) {
  std::vector<int> ranks;
  for (int n = fewest; n < world; n *= 2) {
    ranks.push_back(n);
  }
  ranks.push_back(world);
  return ranks;
}

void check_ranks(const Options& options, int world) {
  const std::vector<int>& ranks = options.plan.ranks;
  const int fewest = fewest_ranks(options);
  const bool rising = std::is_sorted(ranks.begin(), ranks.end(), std::less_equal<>());
  if (!rising || ranks.front() < fewest || ranks.back() > world) {
    throw InputError(
        fmt::format("--ranks {} must rise from {} or more to at most the {} ranks that "
                    "mpirun started; start more with mpirun -n",
                    fmt::join(ranks, ","), fewest, world));
  }
}

void check(const Options& options) {
  const bool trains = options.stage == "train";
  if (options.stage == "allreduce") {
    return;
  }
  if (options.work.data.empty() ||
      (options.work.model.config.empty() && options.work.model.weights.empty())) {
    throw InputError(fmt::format(
        "--stage {} needs a network, --model or --weights, and --data FILE", options.stage));
  }
  if (trains && !options.work.rule.empty()) {
    throw InputError("--rule lets jets leave early, which training does not; add --stage infer");
  }
  if (options.emulate && (!trains || options.work.device != "cpu")) {
    throw InputError("--emulate replaces the computation of --stage train on --device cpu alone");
  }
}

bench::OpenStage open_stage(const Options& options, Context& context) {
  if (options.stage == "train") {
    return options.emulate ? open_emulated_training(options.work) : open_training(options.work);
  }
  return open_inference(options.work, context);
}

std::vector<bench::ScalingPoint> measure(Options& options, Context& context) {
  report::Progress progress(stderr);
  const auto on_round = [&](const std::string& what) {
    return [&, what](std::int64_t round) {
      context.watchdog.enter("scale:" + what, context.phase_seconds);
      if (context.comm.is_root()) {
        progress.show(report::share_line(what, round + 1, options.plan.rounds),
                      round + 1 == options.plan.rounds);
      }
    };
  };
  if (options.stage != "allreduce") {
    return bench::measure_scaling(context.comm, options.plan, open_stage(options, context),
                                  on_round(options.stage));
  }
  std::vector<bench::ScalingPoint> all;
  for (const std::int64_t bytes : options.sizes) {
    options.work.bytes = bytes;
    const std::vector<bench::ScalingPoint> points =
        bench::measure_scaling(context.comm, options.plan, open_all_reduce(options.work),
                               on_round(fmt::format("{} bytes", bytes)));
    all.insert(all.end(), points.begin(), points.end());
  }
  return all;
}

/// Of the world, for every point; emulated ranks need no cores.
std::vector<bool> oversubscription(const Options& options,
                                   const std::vector<bench::ScalingPoint>& points,
                                   const comm::Communicator& world) {
  std::vector<bool> marks;
  for (const bench::ScalingPoint& point : points) {
    const comm::Communicator group = world.first(point.ranks);
    const bool crowded = oversubscribed(group, options.work.threads);
    marks.push_back(!options.emulate && world.broadcast(crowded ? "yes" : "no") == "yes");
  }
  return marks;
}

ExitCode scale(Options& options, Context& context) {
  const comm::Communicator& comm = context.comm;
  options.work.weak = options.mode == "weak";
  if (options.plan.ranks.empty()) {
    options.plan.ranks = default_ranks(fewest_ranks(options), comm.size());
  }
  comm.agree([&] {
    check_ranks(options, comm.size());
    check(options);
    if (comm.is_root()) {
      check_output(options.output, std::array{std::filesystem::path(options.work.data),
                                              options.work.model.weights});
    }
  });
  context.watchdog.enter("scale:check of the harness", context.phase_seconds);
  const bench::HarnessCheck harness = bench::check_harness(comm);
  ScalingReport report{.points = measure(options, context),
                       .gains = {},
                       .oversubscribed = {},
                       .mark = options.emulate ? "emulated" : "measured"};
  report.gains = gains(report.points, options.plan.seed);
  report.oversubscribed = oversubscription(options, report.points, comm);
  double shortest = report.points.front().seconds.front();
  for (const bench::ScalingPoint& point : report.points) {
    shortest = std::min(shortest, *std::min_element(point.seconds.begin(), point.seconds.end()));
  }
  h5::Attributes attributes = provenance(
      comm, context.command_line, {.device = options.work.device, .threads = options.work.threads});
  attributes["format"] = std::string("eebench scaling");
  attributes["format_version"] = std::int64_t{1};
  attributes["stage"] = options.stage;
  attributes["mode"] = options.mode;
  attributes["empty_step_time"] = harness.empty_step;
  attributes["known_step_time"] = harness.known_step;
  attributes["known_step_told"] = harness.told_step;
  attributes["overhead_share"] = harness.empty_step / shortest;
  write_scaling(options.output, comm, report, attributes);
  if (comm.is_root()) {
    report::Table table = to_table(report);
    const std::string constants = report::take_constants(table);
    fmt::print(
        "{}{}{}\nThe harness adds {} s to a step, {} % of the shortest here; a wait of {} s "
        "it tells as {} s. Everything is in {}\n",
        report::to_markdown(table), constants, constants.empty() ? "" : "\n",
        report::number(harness.empty_step), report::number(100.0 * harness.empty_step / shortest),
        report::number(harness.known_step), report::number(harness.told_step),
        options.output.string());
  }
  return ExitCode::ok;
}

}  // namespace

Runner setup_scale(CLI::App& app) {
  const auto o = std::make_shared<Options>();
  o->work.model.name = "scale";
  o->work.jets = 256;
  for (std::int64_t bytes = 8; bytes <= std::int64_t{64} << 20; bytes *= 8) {
    o->sizes.push_back(bytes);
  }
  o->sizes.push_back(std::int64_t{64} << 20);
  app.add_option("--ranks", o->plan.ranks,
                 "Numbers of ranks, of those that mpirun started; default: 1 (allreduce: 2), "
                 "doubled, and all")
      ->delimiter(',');
  app.add_option("--stage", o->stage,
                 "train: steps; infer: passes over jets; allreduce: sums by themselves")
      ->check(CLI::IsMember({"train", "infer", "allreduce"}))
      ->capture_default_str();
  app.add_option("--mode", o->mode, "strong: --jets of all ranks together; weak: of each rank")
      ->check(CLI::IsMember({"strong", "weak"}))
      ->capture_default_str();
  app.add_option("--jets", o->work.jets, "Jets of a step")
      ->check(at_least(1))
      ->capture_default_str();
  app.add_option("--model", o->work.model.config,
                 "Name of `eebench list models` or a TOML file; default: the one in the weights");
  app.add_option("--features,--data-config", o->work.model.features,
                 "kin, kinpid, full or a weaver data configuration (YAML); default: the model's");
  app.add_option("--weights", o->work.model.weights,
                 "Of eebench (.h5) or PyTorch (.pt); default: drawn")
      ->check(named("file"));
  app.add_option("--data", o->work.data, "Jet file");
  app.add_option("--batch", o->work.batch, "Jets a batch of --stage infer")
      ->check(at_least(1))
      ->capture_default_str();
  auto* rule = app.add_option("--rule", o->work.rule,
                              "Jets leave early by this rule in --stage infer; default: nobody")
                   ->check(named("rule"));
  auto* threshold = app.add_option("--threshold", o->work.thresholds,
                                   "A jet leaves where its score is at least this: one number, or "
                                   "one for each early exit with commas")
                        ->delimiter(',')
                        ->needs(rule);
  rule->needs(threshold);
  app.add_option("--sizes", o->sizes, "Bytes of the sums of --stage allreduce")
      ->delimiter(',')
      ->check(CLI::Range(std::int64_t{4}, std::int64_t{1} << 32))
      ->capture_default_str();
  app.add_option("--rounds", o->plan.rounds, "Over all numbers of ranks, each in its own order")
      ->check(at_least(1))
      ->capture_default_str();
  app.add_option("--steps", o->plan.steps, "Measured in a round, after one that is not")
      ->check(at_least(1))
      ->capture_default_str();
  app.add_flag(
      "--emulate", o->emulate,
      "Ranks sleep for as long as training on their jets took rank 0 alone just before; the "
      "all-reduce is real. More ranks than cores then behave as on cores of their own");
  app.add_option("--seed", o->plan.seed, "Of the orders and intervals")
      ->check(CLI::Range(std::uint64_t{0}, std::uint64_t{std::numeric_limits<std::int64_t>::max()}))
      ->capture_default_str();
  app.add_option("--device", o->work.device, "cpu or cuda (one GPU per local rank)")
      ->check(CLI::IsMember({"cpu", "cuda"}))
      ->capture_default_str();
  add_threads(app, o->work.threads);
  app.add_option("-o,--output", o->output, "HDF5 file for xarray")->required();
  return [o](Context& context) {
    if (!o->work.rule.empty()) {
      o->work.rule = exits::parse_rule(o->work.rule);
    }
    return scale(*o, context);
  };
}

}  // namespace eebench::cli
