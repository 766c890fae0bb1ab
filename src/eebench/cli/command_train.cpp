#include <cstdio>
#include <memory>
#include <optional>
#include <string>

#include <fmt/format.h>

#include "eebench/cli/command.hpp"
#include "eebench/data/jet_source.hpp"
#include "eebench/model/registry.hpp"
#include "eebench/sys/resource.hpp"
#include "eebench/sys/signals.hpp"
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
  std::string freeze;
  std::string device = "cpu";
  std::string back_end;
  bool resume = false;
  int threads = 1;
  std::optional<std::int64_t> global_batch;
  std::optional<std::int64_t> epochs;
  std::optional<double> lr;
  std::optional<double> weight_decay;
  std::optional<double> warmup;
  std::optional<double> clip;
  std::optional<std::int64_t> patience;
  std::optional<std::vector<double>> exit_weights;
  std::int64_t steps = 0;
  std::uint64_t seed = 1;
  std::string precision = "fp32";
  std::int64_t checkpoint_steps = 500;
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
  set(settings.lr, options.lr);
  set(settings.weight_decay, options.weight_decay);
  set(settings.warmup, options.warmup);
  set(settings.clip, options.clip);
  set(settings.patience, options.patience);
  set(settings.exit_weights, options.exit_weights);
  settings.steps = options.steps;
  settings.seed = options.seed;
  settings.precision = options.precision;
  settings.freeze_backbone = options.freeze == "backbone";
  settings.checkpoint_steps = options.checkpoint_steps;
  return settings;
}

ExitCode train_network(const Options& options, Context& context) {
  train::Session session;
  std::optional<data::JetSource> training;
  std::optional<data::JetSource> validation;
  std::int64_t features = 0;
  context.comm.agree([&] {
    session.model = model::load_model_config(options.config);
    if (!options.features.empty()) {
      session.model.features = options.features;
    }
    session.settings = settings_of(options, session.model);
    const data::DataConfig config = data::DataConfig::load(
        sys::find_resource("configs/data/" + session.model.features + ".yaml"));
    features = static_cast<std::int64_t>(config.features.size());
    training.emplace(options.data_train, config);
    if (!options.data_val.empty()) {
      validation.emplace(options.data_val, config);
    }
  });
  session.output = options.output;
  session.weights = options.weights;
  session.resume = options.resume;
  session.device = options.device;
  session.back_end = options.back_end;
  session.threads = options.threads;
  session.progress = [](const std::string& line) { fmt::print(stderr, "{}\n", line); };
  session.phase = [&](const std::string& name) { context.watchdog.enter(name, 600); };
  const sys::ScopedSignals signals;
  session.interrupted = [&] { return signals.received() != 0; };

  const train::Summary summary =
      train::run(session, *training, validation ? &*validation : nullptr, features, context.comm);
  if (context.comm.is_root()) {
    fmt::print(
        "| steps | loss first | loss last | jets/s | all-reduce, share of time | all-reduce, GB/s "
        "|\n"
        "|---|---|---|---|---|---|\n"
        "| {} | {:.4f} | {:.4f} | {:.0f} | {:.3f} | {:.2f} |\n\nEverything is in {}\n",
        summary.steps, summary.first_loss, summary.last_loss, summary.jets_per_second,
        summary.all_reduce_share,
        summary.all_reduce_seconds > 0 ? summary.all_reduce_bytes / summary.all_reduce_seconds / 1e9
                                       : 0.0,
        options.output);
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
  app.add_option("--config", o->config, "Model: a name of `eebench list models` or a TOML file")
      ->required();
  app.add_option("--data-train", o->data_train, "Jets to train on (HDF5)")->required();
  app.add_option("--data-val", o->data_val, "Jets to validate on after each epoch (HDF5)");
  app.add_option("-o,--output", o->output, "Folder for weights, checkpoints and logs")->required();
  app.add_option("--features", o->features, "Inputs: kin, kinpid or full; default: the model's");
  app.add_option("--weights", o->weights,
                 "Weights to begin with (.h5 or .pt); early heads may be missing");
  app.add_option("--freeze", o->freeze, "`backbone` trains the early heads alone")
      ->check(CLI::IsMember({"backbone"}));
  app.add_option("--global-batch", o->global_batch, "Jets a step, over all ranks");
  app.add_option("--epochs", o->epochs, "Passes over the data");
  app.add_option("--steps", o->steps, "End after so many steps instead; 0: after the epochs")
      ->capture_default_str();
  app.add_option("--lr", o->lr, "Peak learning rate");
  app.add_option("--weight-decay", o->weight_decay, "Of AdamW, on matrices");
  app.add_option("--warmup", o->warmup, "Share of the steps with rising learning rate");
  app.add_option("--clip", o->clip, "Bound on the gradient's norm; 0: none");
  app.add_option("--exit-weights", o->exit_weights,
                 "Weight of each exit's loss, the final one last");
  app.add_option("--patience", o->patience, "Epochs without improvement before stopping; 0: never");
  app.add_option("--seed", o->seed, "Of initial weights, order and dropout")->capture_default_str();
  app.add_option("--precision", o->precision, "fp32 or fp64")->capture_default_str();
  app.add_option("--device", o->device, "cpu or cuda (one GPU per local rank)")
      ->check(CLI::IsMember({"cpu", "cuda"}))
      ->capture_default_str();
  app.add_option("--backend", o->back_end, "All-reduce: self, mpi or nccl; default: what fits");
  app.add_option("--threads", o->threads, "Threads of each rank")->capture_default_str();
  app.add_option("--checkpoint-steps", o->checkpoint_steps, "Steps between checkpoints")
      ->capture_default_str();
  app.add_flag("--resume", o->resume, "Go on from the newest checkpoint of -o");
  return [o](Context& context) { return train_network(*o, context); };
}

}  // namespace eebench::cli
