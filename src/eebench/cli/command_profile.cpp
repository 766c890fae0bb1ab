#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "eebench/cli/command.hpp"
#include "eebench/cli/network.hpp"
#include "eebench/cli/profile_report.hpp"
#include "eebench/data/jet_source.hpp"
#include "eebench/data/read_ahead.hpp"
#include "eebench/exec/executor.hpp"
#include "eebench/exits/rule.hpp"
#include "eebench/nn/device.hpp"
#include "eebench/report/progress.hpp"
#include "eebench/sys/resource.hpp"
#include "eebench/sys/timer.hpp"
#include "eebench/train/trainer.hpp"

namespace eebench::cli {
namespace {

struct Options {
  std::string model;
  std::string features;
  std::filesystem::path weights;
  std::filesystem::path data;
  std::int64_t multiplicity = data::kept_constituents;
  std::int64_t batch = 64;
  std::int64_t limit = 128;
  std::int64_t repeat = 8;
  std::string device = "cpu";
  int threads = 1;
  bool training = false;
  bool json = false;
};

/// How sure an exit must be where jets leave; a usual value, the same for every network.
constexpr double leaving_threshold = 0.9;
/// Longest time for the passes with one set of weights.
constexpr double seconds_of_passes = 3600.0;

/// Told after each of all batches to run.
using Advance = std::function<void(std::int64_t done, std::int64_t all)>;

/// Whole batches of the first jets of the file.
std::vector<data::JetBatch> read_batches(const Options& options, const data::JetSource& source) {
  const std::int64_t count = std::min(options.limit, source.jets()) / options.batch;
  if (count == 0) {
    throw InputError(
        fmt::format("{}: {} of its {} jets make no batch of {}; lower --batch or raise "
                    "--limit",
                    options.data.string(), std::min(options.limit, source.jets()), source.jets(),
                    options.batch));
  }
  const data::ReadJets read = data::read_ahead(
      [&](std::int64_t begin, std::int64_t end) { return source.read(begin, end); },
      count * options.batch);
  std::vector<data::JetBatch> batches;
  for (std::int64_t b = 0; b < count; ++b) {
    batches.push_back(read(b * options.batch, (b + 1) * options.batch));
  }
  return batches;
}

MeasuredWeights measure(const std::string& name, LoadedNetwork loaded,
                        const exec::Settings& settings, std::int64_t repeats,
                        const std::vector<data::JetBatch>& batches, const Advance& advance) {
  const auto executor = exec::make_executor(std::move(loaded.network), settings);
  const std::int64_t last = executor->exits() - 1;
  const exits::Rule rule;
  const std::int64_t all = 3 * (1 + repeats * static_cast<std::int64_t>(batches.size()));
  std::int64_t done = 0;
  const auto timed = [&](const auto& run) {
    return bench::time_passes(batches, repeats, [&](const data::JetBatch& batch) {
      exec::BatchTrace trace = run(batch);
      advance(++done, all);
      return trace;
    });
  };
  const auto pass = [&](double threshold) {
    const std::vector<double> thresholds(static_cast<std::size_t>(last), threshold);
    return timed(
        [&](const data::JetBatch& batch) { return executor->run(batch, rule, thresholds); });
  };
  return {
      .weights = name,
      .plain = timed([&](const data::JetBatch& batch) { return executor->run_fixed(batch, last); }),
      .staged = pass(exits::never_leave),
      .leaving = pass(leaving_threshold)};
}

/// Jets per second of training steps, gradients of the last head alone: the network as it would be
/// trained without early heads.
std::vector<double> time_training(LoadedNetwork loaded, const Options& options, at::Device device,
                                  const std::vector<data::JetBatch>& batches,
                                  const Advance& advance) {
  train::Settings settings = train::settings_of(loaded.config);
  settings.global_batch = options.batch;
  settings.freeze.clear();
  settings.exit_weights.assign(static_cast<std::size_t>(loaded.network->exits()), 0.0);
  settings.exit_weights.back() = 1.0;
  const comm::Communicator alone;
  const train::Length length{.steps =
                                 1 + options.repeat * static_cast<std::int64_t>(batches.size())};
  train::Trainer trainer(*loaded.network, settings, length, device, alone,
                         comm::make_all_reducer("self", alone));
  trainer.step(batches.front());
  std::vector<double> rates;
  for (std::int64_t repeat = 0; repeat < options.repeat; ++repeat) {
    const sys::Timer timer;
    for (const data::JetBatch& batch : batches) {
      trainer.step(batch);
    }
    rates.push_back(static_cast<double>(batches.size()) * static_cast<double>(options.batch) /
                    timer.seconds());
    advance(repeat + 1, options.repeat);
  }
  return rates;
}

/// The weights that travel along for this network with its own features, or none.
std::filesystem::path shipped_weights(const Options& options) {
  if (!options.features.empty() || options.model.ends_with(".toml")) {
    return {};
  }
  const auto file = sys::find_resource("suites") / "assets" / (options.model + ".h5");
  return std::filesystem::exists(file) ? file : std::filesystem::path();
}

void measure_all(ProfileReport& report, const bench::ModelEntry& entry, const LoadedNetwork& shown,
                 const Options& options, Context& context) {
  const data::JetSource source(options.data, shown.features);
  const std::vector<data::JetBatch> batches = read_batches(options, source);
  std::vector<std::int64_t> multiplicities;
  for (const data::JetBatch& batch : batches) {
    for (std::size_t jet = 0; jet < batch.size(); ++jet) {
      multiplicities.push_back(static_cast<std::int64_t>(batch.multiplicity(jet)));
    }
  }
  report.costs = model::profile(*shown.network, multiplicities);
  report.jets = static_cast<std::int64_t>(multiplicities.size());
  report.cut = source.cut(0, report.jets);
  report.kept = source.max_particles();
  report.multiplicity = static_cast<double>(std::accumulate(
                            multiplicities.begin(), multiplicities.end(), std::int64_t{0})) /
                        static_cast<double>(report.jets);

  const auto drawn = [&] { return draw_network(shown.config); };
  const exec::Settings settings{.device = options.device,
                                .threads = options.threads,
                                .local_rank = context.comm.local_rank()};
  report::Progress progress(stderr);
  const auto begin = [&](const std::string& stage) -> Advance {
    context.watchdog.enter("profile:" + stage, seconds_of_passes);
    return [&, stage](std::int64_t done, std::int64_t all) {
      if (context.comm.is_root()) {
        progress.show(fmt::format("{} {}%", stage, 100 * done / all), done == all);
      }
    };
  };
  report.measured.push_back(
      measure("random", drawn(), settings, options.repeat, batches, begin("random weights")));
  if (!entry.weights.empty()) {
    report.trained_weights = entry.weights.string();
    report.measured.push_back(measure("trained", load_network(entry), settings, options.repeat,
                                      batches, begin("trained weights")));
  }
  if (options.training) {
    const at::Device device = nn::device_of(settings.device, settings.local_rank);
    report.training_jets_per_second =
        time_training(drawn(), options, device, batches, begin("training"));
  }
}

ExitCode run_profile(const Options& options, Context& context) {
  ProfileReport report;
  context.comm.agree([&] {
    const bool shipped = options.weights.empty() && !options.data.empty();
    const bench::ModelEntry entry{.name = options.model,
                                  .config = options.model,
                                  .weights = shipped ? shipped_weights(options) : options.weights,
                                  .features = options.features};
    const LoadedNetwork shown = load_network(entry);
    shown.network->prepare();
    report.model = shown.config.name;
    report.features = shown.config.features;
    report.inputs = static_cast<std::int64_t>(shown.features.features.size());
    report.device = options.device;
    report.threads = options.threads;
    report.ranks = context.comm.size();
    report.batch = options.batch;
    report.leaving_threshold = leaving_threshold;
    if (options.data.empty()) {
      const std::int64_t seen = std::min(options.multiplicity, shown.features.length);
      report.multiplicity = static_cast<double>(seen);
      report.costs = model::profile(*shown.network, {&seen, 1});
    } else {
      measure_all(report, entry, shown, options, context);
    }
  });
  if (context.comm.is_root()) {
    fmt::print("{}", options.json ? to_json(report) : to_markdown(report));
  }
  return ExitCode::ok;
}

}  // namespace

Runner setup_profile(CLI::App& app) {
  const auto o = std::make_shared<Options>();
  app.add_option("model", o->model, "Name of `eebench list models` or a TOML file")->required();
  app.add_option("--features,--data-config", o->features,
                 "kin, kinpid, full or a weaver data configuration (YAML); default: the model's");
  auto* multiplicity = app.add_option("--multiplicity", o->multiplicity, "Constituents of the jet")
                           ->check(CLI::Range(std::int64_t{1}, data::kept_constituents))
                           ->capture_default_str();
  auto* data =
      app.add_option("--data", o->data, "Jet file: means over its jets instead, and measurements")
          ->excludes(multiplicity);
  app.add_option("--weights", o->weights,
                 "Trained weights to measure with (.h5 of eebench or .pt; weights without early "
                 "heads: the network without them); default: those that travel along, if any")
      ->check(named("file"))
      ->needs(data);
  app.add_option("--batch", o->batch, "Jets a batch")
      ->check(at_least(1))
      ->capture_default_str()
      ->needs(data);
  app.add_option("--limit", o->limit, "Only the first so many jets, in whole batches")
      ->check(at_least(1))
      ->capture_default_str()
      ->needs(data);
  app.add_option("--repeat", o->repeat, "Passes over the jets; intervals need 8")
      ->check(at_least(1))
      ->capture_default_str()
      ->needs(data);
  app.add_option("--device", o->device, "cpu or cuda (one GPU per local rank)")
      ->check(CLI::IsMember({"cpu", "cuda"}))
      ->capture_default_str()
      ->needs(data);
  add_threads(app, o->threads)->needs(data);
  app.add_flag("--train", o->training, "Also times training steps, on this rank alone")
      ->needs(data);
  app.add_flag("--json", o->json, "As one JSON object");
  return [o](Context& context) { return run_profile(*o, context); };
}

}  // namespace eebench::cli
