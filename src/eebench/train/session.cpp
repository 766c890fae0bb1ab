#include "eebench/train/session.hpp"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>
#include <optional>
#include <sstream>
#include <utility>
#include <vector>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <fmt/format.h>
#include <torch/cuda.h>

#include "eebench/data/sampler.hpp"
#include "eebench/model/weights.hpp"
#include "eebench/sys/files.hpp"
#include "eebench/sys/timer.hpp"
#include "eebench/train/checkpoint.hpp"
#include "eebench/train/evaluate.hpp"
#include "eebench/train/trainer.hpp"

namespace eebench::train {
namespace {

/// What a resumed run must have in common with the one it continues. The number of ranks may
/// differ.
std::string fixed_settings(const Settings& s, std::int64_t jets) {
  return fmt::format(
      "global_batch={} epochs={} steps={} lr={} weight_decay={} warmup={} clip={} "
      "exit_weights=[{}] "
      "loss={} seed={} precision={} freeze_backbone={} jets={}",
      s.global_batch, s.epochs, s.steps, s.lr, s.weight_decay, s.warmup, s.clip,
      [&] {
        std::string text;
        for (const double w : s.exit_weights) {
          text += fmt::format("{}{}", text.empty() ? "" : ",", w);
        }
        return text;
      }(),
      s.loss, s.seed, s.precision, s.freeze_backbone, jets);
}

/// The words in which two settings texts differ, for the error message.
std::string differences(const std::string& before, const std::string& now) {
  std::istringstream a(before);
  std::istringstream b(now);
  std::string left;
  std::string right;
  std::string text;
  while (a >> left && b >> right) {
    if (left != right) {
      text += fmt::format("{}{} (now {})", text.empty() ? "" : ", ", left, right);
    }
  }
  return text;
}

/// CSV of the root rank; the header is written when the file begins.
class Log {
 public:
  /// Keeps the rows of an interrupted run up to `last` (first column) when resuming.
  Log(const std::filesystem::path& path, const std::string& header, bool resume,
      std::int64_t last) {
    std::string kept = header + "\n";
    if (resume) {
      std::ifstream in(path);
      std::string line;
      std::getline(in, line);
      while (std::getline(in, line)) {
        if (!line.empty() && std::strtoll(line.c_str(), nullptr, 10) <= last) {
          kept += line + "\n";
        }
      }
    }
    sys::publish_text(path, kept);
    out_.open(path, std::ios::app);
  }
  void row(const std::string& text) { out_ << text << "\n" << std::flush; }

 private:
  std::ofstream out_;
};

at::Device device_of(const Session& session, const comm::Communicator& comm) {
  if (session.device == "cpu") {
    return at::kCPU;
  }
  if (!torch::cuda::is_available()) {
    throw EnvironmentError("--device cuda: no GPU, or a LibTorch without CUDA; use --device cpu");
  }
  return {at::kCUDA, static_cast<c10::DeviceIndex>(comm.local_rank())};
}

std::string joined(const std::vector<double>& values, const char* format) {
  std::string text;
  for (const double value : values) {
    text.append(text.empty() ? "" : ",").append(fmt::format(fmt::runtime(format), value));
  }
  return text;
}

std::string exit_columns(const std::string& name, std::size_t exits) {
  std::string text;
  for (std::size_t k = 0; k < exits; ++k) {
    text += fmt::format(",{}_exit{}", name, k);
  }
  return text;
}

/// Mean accuracy of the trained exits by their weights: what "best" means.
double score(const Evaluation& evaluation, const std::vector<double>& weights) {
  double sum = 0.0;
  double total = 0.0;
  for (std::size_t k = 0; k < weights.size(); ++k) {
    if (weights[k] > 0.0) {
      sum += weights[k] * evaluation.accuracy[k];
      total += weights[k];
    }
  }
  return sum / total;
}

}  // namespace

Summary run(const Session& session, const data::JetSource& training,
            const data::JetSource* validation, std::int64_t features,
            const comm::Communicator& comm) {
  const Settings& settings = session.settings;
  at::set_num_threads(session.threads);
  at::manual_seed(settings.seed);  // every rank draws the same initial parameters
  const auto network = model::make_network(session.model, features);
  check(settings, network->exits());
  const at::Device device = device_of(session, comm);
  if (!session.weights.empty()) {
    model::load_state_dict(*network, model::read_weights(session.weights).tensors,
                           session.weights.string(), /*without_exits=*/true);
  } else if (settings.freeze_backbone) {
    throw InputError("--freeze backbone needs the backbone's weights; add --weights FILE");
  }

  data::TrainingJets jets(
      training, data::GlobalOrder(training.jets(), settings.global_batch, settings.seed), comm);
  const std::int64_t per_epoch = jets.order().batches();
  const std::int64_t total = settings.steps > 0 ? settings.steps : settings.epochs * per_epoch;
  const std::string fixed = fixed_settings(settings, training.jets());

  std::optional<Checkpoint> from;
  if (session.resume) {
    comm.agree([&] {
      from = newest_checkpoint(session.output / "checkpoints", [&](const std::string& line) {
        if (comm.is_root()) {
          session.progress(line);
        }
      });
      if (from && from->training != fixed) {
        throw InputError(
            fmt::format("{}: the checkpoint was made with {}; give the same settings or "
                        "another -o",
                        session.output.string(), differences(from->training, fixed)));
      }
    });
  }
  if (from) {
    move_to(*network, at::kCPU, settings.precision == "fp64" ? at::kDouble : at::kFloat);
    model::load_state_dict(*network, from->weights, (session.output / "checkpoints").string());
  }
  const std::string back_end = !session.back_end.empty() ? session.back_end
                               : comm.size() == 1        ? "self"
                               : device.is_cuda()        ? "nccl"
                                                         : "mpi";
  const std::shared_ptr<comm::AllReducer> reducer = comm::make_all_reducer(back_end, comm);
  Trainer trainer(*network, settings, total, device, comm, reducer);
  double best = -1.0;
  std::int64_t best_epoch = -1;
  if (from) {
    trainer.set_steps_done(from->step);
    trainer.optimiser().first_moment.copy_(from->first_moment);
    trainer.optimiser().second_moment.copy_(from->second_moment);
    best = from->best;
    best_epoch = from->best_epoch;
  }

  const auto exits = static_cast<std::size_t>(network->exits());
  std::optional<Log> step_log;
  std::optional<Log> epoch_log;
  comm.agree([&] {
    if (comm.is_root()) {
      std::filesystem::create_directories(session.output);
      step_log.emplace(
          session.output / "train_log.csv",
          "step,epoch,loss,learning_rate,gradient_norm" + exit_columns("accuracy", exits),
          from.has_value(), trainer.steps_done());
      epoch_log.emplace(
          session.output / "epochs.csv",
          "epoch,step" + exit_columns("accuracy", exits) + exit_columns("loss", exits),
          from.has_value(), (trainer.steps_done() - 1) / per_epoch);
      sys::publish_text(session.output / "config.toml", session.model.text());
    }
  });
  const auto save_best = [&] {
    if (comm.is_root()) {
      model::write_weights(session.output / "weights.h5", model::state_dict(*network),
                           session.model.text());
    }
  };
  const auto save_checkpoint = [&] {
    comm.agree([&] {
      if (comm.is_root()) {
        write_checkpoint(session.output / "checkpoints",
                         {.weights = model::state_dict(*network),
                          .config = session.model.text(),
                          .training = fixed,
                          .first_moment = trainer.optimiser().first_moment,
                          .second_moment = trainer.optimiser().second_moment,
                          .step = trainer.steps_done(),
                          .world_size = comm.size(),
                          .best = best,
                          .best_epoch = best_epoch});
      }
    });
  };

  Summary summary;
  const sys::Timer timer;
  double last_line = 0.0;
  const std::int64_t first_step = trainer.steps_done();
  std::int64_t saved_step = first_step;
  bool stop = false;
  while (!stop && trainer.steps_done() < total) {
    const std::int64_t step = trainer.steps_done();
    const std::int64_t epoch = step / per_epoch;
    session.phase(fmt::format("train:step {}", step + 1));
    data::JetBatch batch;
    comm.agree([&] { batch = jets.batch(epoch, step % per_epoch); });
    const double lr = trainer.learning_rate();
    const StepReport report = trainer.step(batch);
    if (step == first_step) {
      summary.first_loss = report.loss;
    }
    summary.last_loss = report.loss;
    if (comm.is_root()) {
      step_log->row(fmt::format("{},{},{:.17g},{:.9g},{:.9g},{}", step + 1, epoch + 1, report.loss,
                                lr, report.gradient_norm, joined(report.exit_accuracy, "{:.6f}")));
    }
    const double seconds = timer.seconds();
    const auto done = static_cast<double>(trainer.steps_done() - first_step);
    if (comm.is_root() && (seconds - last_line > 5.0 || trainer.steps_done() == total)) {
      last_line = seconds;
      session.progress(
          fmt::format("step {}/{} epoch {} loss {:.4f} accuracy {} {:.0f} jets/s all-reduce {:.1f} "
                      "% eta {:.0f} s",
                      trainer.steps_done(), total, epoch + 1, report.loss,
                      joined(report.exit_accuracy, "{:.3f}"),
                      done * static_cast<double>(settings.global_batch) / seconds,
                      100.0 * reducer->seconds_blocked() / seconds,
                      static_cast<double>(total - trainer.steps_done()) * seconds / done));
    }

    if (trainer.steps_done() % per_epoch == 0 && validation != nullptr) {
      session.phase(fmt::format("train:validation of epoch {}", epoch + 1));
      const bool all_exits = !settings.freeze_backbone;
      std::int64_t last_exit = network->exits() - 1;
      while (!all_exits && last_exit > 0 &&
             settings.exit_weights[static_cast<std::size_t>(last_exit)] == 0.0) {
        --last_exit;
      }
      Evaluation evaluation;
      comm.agree([&] {
        evaluation = evaluate(*network, *validation, last_exit, device,
                              settings.precision == "fp64" ? at::kDouble : at::kFloat, comm);
      });
      set_trainable(*network, settings.freeze_backbone);
      const double now = score(evaluation, settings.exit_weights);
      if (comm.is_root()) {
        epoch_log->row(fmt::format("{},{},{},{}", epoch + 1, trainer.steps_done(),
                                   joined(evaluation.accuracy, "{:.6f}"),
                                   joined(evaluation.loss, "{:.9g}")));
        session.progress(fmt::format("epoch {} validation accuracy {}", epoch + 1,
                                     joined(evaluation.accuracy, "{:.4f}")));
      }
      if (now > best) {
        best = now;
        best_epoch = epoch + 1;
        save_best();
      }
      stop = settings.patience > 0 && epoch + 1 - best_epoch >= settings.patience;
    }
    const bool interrupted =
        comm.all_reduce(static_cast<std::int64_t>(session.interrupted() ? 1 : 0),
                        comm::Reduce::max) != 0;
    const bool epoch_end = trainer.steps_done() % per_epoch == 0;
    if (interrupted || epoch_end || trainer.steps_done() % settings.checkpoint_steps == 0) {
      save_checkpoint();
      saved_step = trainer.steps_done();
    }
    if (interrupted && trainer.steps_done() < total) {
      summary.end = ExitCode::preempted;
      stop = true;
    }
  }
  if (saved_step != trainer.steps_done()) {
    save_checkpoint();
  }
  if (best_epoch < 0 && summary.end == ExitCode::ok) {
    save_best();
  }
  comm.barrier();
  summary.steps = trainer.steps_done();
  summary.seconds = timer.seconds();
  summary.jets_per_second =
      static_cast<double>((trainer.steps_done() - first_step) * settings.global_batch) /
      summary.seconds;
  summary.all_reduce_seconds = reducer->seconds_blocked();
  summary.all_reduce_share = summary.all_reduce_seconds / summary.seconds;
  summary.all_reduce_bytes = reducer->bytes();
  return summary;
}

}  // namespace eebench::train
