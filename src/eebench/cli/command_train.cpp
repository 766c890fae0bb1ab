#include <cstdio>
#include <filesystem>
#include <limits>
#include <memory>
#include <optional>
#include <string>

#include <fmt/format.h>

#include "eebench/cli/command.hpp"
#include "eebench/cli/network.hpp"
#include "eebench/cli/training_stage.hpp"
#include "eebench/comm/same_input.hpp"
#include "eebench/data/automatic.hpp"
#include "eebench/data/jet_source.hpp"
#include "eebench/model/registry.hpp"
#include "eebench/sys/signals.hpp"
#include "eebench/train/checkpoint.hpp"
#include "eebench/train/session.hpp"

namespace eebench::cli {
namespace {

struct Options {
  std::string config;
  std::string data_train;
  std::string data_val;
  std::string output;
  std::string features;
  std::string weights;
  std::string device = "cpu";
  std::string back_end;
  bool resume = false;
  int threads = 1;
  std::optional<std::int64_t> global_batch;
  std::optional<std::int64_t> epochs;
  std::optional<std::string> loss;
  std::optional<std::string> optimiser;
  std::optional<std::string> schedule;
  std::optional<double> lr;
  std::optional<double> weight_decay;
  std::optional<double> warmup;
  std::optional<double> clip;
  std::optional<std::int64_t> patience;
  std::optional<std::vector<double>> exit_weights;
  std::optional<std::vector<std::string>> freeze;
  std::optional<std::string> best;
  std::optional<std::int64_t> steps;
  std::optional<std::uint64_t> seed;
  std::optional<std::string> precision;
  std::optional<std::int64_t> checkpoint_steps;
};

train::Settings settings_of(const Options& options, const model::ModelConfig& config) {
  train::Settings settings = train::settings_of(config);
  const auto set = [](auto& target, const auto& given) {
    if (given) {
      target = *given;
    }
  };
  set(settings.global_batch, options.global_batch);
  set(settings.epochs, options.epochs);
  set(settings.loss, options.loss);
  set(settings.optimiser, options.optimiser);
  set(settings.schedule, options.schedule);
  set(settings.lr, options.lr);
  set(settings.weight_decay, options.weight_decay);
  set(settings.warmup, options.warmup);
  set(settings.clip, options.clip);
  set(settings.patience, options.patience);
  set(settings.exit_weights, options.exit_weights);
  set(settings.steps, options.steps);
  set(settings.seed, options.seed);
  set(settings.precision, options.precision);
  set(settings.checkpoint_steps, options.checkpoint_steps);
  set(settings.best, options.best);
  set(settings.freeze, options.freeze);
  if (settings.freeze == std::vector<std::string>{"none"}) {
    settings.freeze.clear();
  }
  return settings;
}

model::ModelConfig config_of_weights(const std::string& weights) {
  if (weights.empty()) {
    throw InputError("--config: name a model, or --weights with one inside");
  }
  const std::string config = model::read_weights(weights).config;
  if (config.empty()) {
    throw InputError(fmt::format("{} carries no model configuration; name one: --config", weights));
  }
  return model::parse_model_config(config, weights);
}

/// A folder, as PELICAN has it, means its file of jets to train on and, where no others are given,
/// its jets to validate on.
Options with_files(Options options) {
  const std::filesystem::path folder = options.data_train;
  if (!std::filesystem::is_directory(folder) || data::CifarFiles::match(folder)) {
    return options;
  }
  if (!std::filesystem::exists(folder / "train.h5")) {
    throw InputError(fmt::format("{}: is a folder without train.h5; name a file", folder.string()));
  }
  options.data_train = folder / "train.h5";
  for (const char* name : {"valid.h5", "val.h5"}) {
    if (options.data_val.empty() && std::filesystem::exists(folder / name)) {
      options.data_val = folder / name;
    }
  }
  return options;
}

ExitCode train_network(const Options& asked, Context& context) {
  train::Session session;
  std::optional<data::JetSource> training;
  std::optional<data::JetSource> validation;
  std::int64_t features = 0;
  Options options;
  data::DataConfig config;
  session.progress = [](const std::string& line) { fmt::print(stderr, "{}\n", line); };
  session.phase = [&](const std::string& name) {
    context.watchdog.enter(name, context.phase_seconds);
  };
  context.comm.agree([&] {
    options = with_files(asked);
    if (!options.resume && train::holds_checkpoint(options.output)) {
      throw InputError(fmt::format(
          "{} holds a training already; add --resume to go on with it or give another -o",
          options.output));
    }
    session.model = options.config.empty() ? config_of_weights(options.weights)
                                           : model::load_model_config(options.config);
    if (!options.features.empty()) {
      session.model.features = options.features;
    }
    if (!options.weights.empty()) {
      const model::Weights weights = model::read_weights(options.weights);
      if (weights.config.empty()) {
        model::adopt_head_layout(session.model, weights.tensors);
      }
    }
    session.settings = settings_of(options, session.model);
    config = load_features(session.model.features);
  });
  if (context.comm.is_root() && options.data_train != asked.data_train) {
    session.progress(fmt::format("{}: trains on {} and validates on {}", asked.data_train,
                                 options.data_train,
                                 options.data_val.empty() ? "none" : options.data_val));
  }
  comm::require_same(config.sha256, session.model.features, context.comm);
  if (config.automatic()) {
    session.phase("train:preprocess auto");
    session.model.features = data::find_numbers(config, options.data_train, options.output,
                                                context.comm, session.progress);
  }
  context.comm.agree([&] {
    config = load_features(session.model.features);
    features = static_cast<std::int64_t>(config.features.size());
    training.emplace(options.data_train, config, data::Use::training);
    if (!options.data_val.empty()) {
      validation.emplace(options.data_val, config, data::Use::validation);
    }
  });
  session.output = options.output;
  session.weights = options.weights;
  session.command_line = context.command_line;
  session.resume = options.resume;
  session.device = options.device;
  session.back_end = options.back_end;
  session.threads = options.threads;
  const sys::ScopedSignals signals;
  session.interrupted = [&] { return signals.received() != 0; };

  const train::Summary summary =
      train::run(session, *training, validation ? &*validation : nullptr, features, context.comm);
  const std::string report =
      training_report(summary, session.model.name, options.threads, context.comm);
  if (context.comm.is_root()) {
    if (!summary.frozen_sha256.empty()) {
      fmt::print("What is frozen is what it was: SHA-256 {} before and after\n\n",
                 summary.frozen_sha256);
    }
    fmt::print("{}\nEverything is in {}\n", report, options.output);
    if (summary.end == ExitCode::preempted) {
      fmt::print(stderr, "stopped by a signal after saving step {}; run again with --resume\n",
                 summary.steps);
    }
  }
  return summary.end;
}

}  // namespace

Runner setup_train(CLI::App& app) {
  const auto o = std::make_shared<Options>();
  const train::Settings d;
  const auto from = [](const auto& value) {
    return fmt::format("; default: the configuration's [train], else {}", value);
  };
  app.add_option("--config", o->config,
                 "Model: a name of `eebench list models` or a TOML file, such as the config.toml "
                 "that a training leaves; default: the one inside --weights");
  app.add_option("--data-train", o->data_train,
                 "Jets to train on (HDF5), or a folder with train.h5 and valid.h5")
      ->required();
  app.add_option("--data-val", o->data_val, "Jets to validate on after each epoch (HDF5)");
  app.add_option("-o,--output", o->output, "Folder for weights, checkpoints and logs")->required();
  app.add_option(
      "--features,--data-config", o->features,
      "Inputs: kin, kinpid, full or a weaver data configuration (YAML); default: the model's");
  app.add_option("--weights", o->weights,
                 "Weights to begin with (.h5 or .pt); early heads may be missing")
      ->check(named("file"));
  app.add_option("--freeze", o->freeze,
                 "What does not train, with commas or blanks: backbone (all but the early heads), "
                 "names of modules or parameters such as exits.0, or none" +
                     from("none"))
      ->delimiter(',');
  app.add_option("--global-batch", o->global_batch,
                 "Jets a step, over all ranks" + from(d.global_batch));
  app.add_option(
      "--epochs", o->epochs,
      "Passes over the data, or as long as epoch_steps of [train] says" + from(d.epochs));
  app.add_option("--steps", o->steps,
                 "End after so many steps instead; 0: after the epochs" + from(d.steps));
  app.add_option("--loss", o->loss, "A name of `eebench list losses`" + from(d.loss));
  app.add_option("--optimiser", o->optimiser,
                 "A name of `eebench list optimisers`" + from(d.optimiser));
  app.add_option("--schedule", o->schedule,
                 "Of the learning rate, a name of `eebench list schedules`" + from(d.schedule));
  app.add_option("--lr", o->lr, "Peak learning rate" + from(d.lr));
  app.add_option("--weight-decay", o->weight_decay,
                 "On matrices, none on biases and norms" + from(d.weight_decay));
  app.add_option("--warmup", o->warmup,
                 "Share of the steps with rising learning rate" + from(d.warmup));
  app.add_option("--clip", o->clip, "Bound on the gradient's norm; 0: none" + from(d.clip));
  app.add_option("--exit-weights", o->exit_weights,
                 "Weight of each exit's loss, the final one last, with commas or blanks; default: "
                 "the configuration's")
      ->delimiter(',');
  app.add_option(
      "--best", o->best,
      "Formula of accuracy_<k> and loss_<k> of exit k, highest where the weights to keep "
      "are; default: the configuration's, else mean accuracy by exit weights");
  app.add_option("--patience", o->patience,
                 "Epochs without improvement before stopping; 0: never" + from(d.patience));
  // A configuration keeps it as TOML's integer. Read as unsigned, as what is beyond the largest
  // integer would be read as that.
  app.add_option("--seed", o->seed, "Of initial weights, order and dropout" + from(d.seed))
      ->check(
          CLI::Range(std::uint64_t{0}, std::uint64_t{std::numeric_limits<std::int64_t>::max()}));
  app.add_option("--precision", o->precision,
                 "fp32, fp64, or bf16 for the products of linear layers" + from(d.precision));
  app.add_option("--checkpoint-steps", o->checkpoint_steps,
                 "Steps between checkpoints, beside those at the end of each epoch" +
                     from(d.checkpoint_steps));
  app.add_option("--device", o->device, "cpu or cuda (one GPU per local rank)")
      ->check(CLI::IsMember({"cpu", "cuda"}))
      ->capture_default_str();
  app.add_option("--backend", o->back_end, "All-reduce: self, mpi or nccl; default: what fits");
  add_threads(app, o->threads);
  app.add_flag("--resume", o->resume,
               "Go on from the newest checkpoint of -o; begins where there is none");
  return [o](Context& context) { return train_network(*o, context); };
}

}  // namespace eebench::cli
