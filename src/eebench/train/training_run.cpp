#include "eebench/train/training_run.hpp"

#include <cmath>
#include <map>
#include <utility>

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "eebench/comm/same_input.hpp"
#include "eebench/core/build_info.hpp"
#include "eebench/core/error.hpp"
#include "eebench/core/expression.hpp"
#include "eebench/core/version.hpp"
#include "eebench/model/weights.hpp"
#include "eebench/sys/timer.hpp"
#include "eebench/train/checkpoint.hpp"
#include "eebench/train/evaluate.hpp"

namespace eebench::train {
namespace {

constexpr double seconds_between_lines = 5.0;

/// What settings.best says, else the mean accuracy of the trained exits by their weights.
double score(const Evaluation& evaluation, const Settings& settings) {
  if (!settings.best.empty()) {
    std::map<std::string, Column> columns;
    for (std::size_t k = 0; k < evaluation.accuracy.size(); ++k) {
      columns[fmt::format("accuracy_{}", k)] = {static_cast<float>(evaluation.accuracy[k])};
      columns[fmt::format("loss_{}", k)] = {static_cast<float>(evaluation.loss[k])};
    }
    return Expression(settings.best)
        .evaluate([&](const std::string& name) -> const Column& { return columns.at(name); }, 1)[0];
  }
  const std::vector<double>& weights = settings.exit_weights;
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

/// `pass`: steps of a pass over the data.
Length length_of(const Settings& settings, std::int64_t pass) {
  const std::int64_t per_epoch = settings.epoch_steps > 0 ? settings.epoch_steps : pass;
  return {.steps = settings.steps > 0 ? settings.steps : settings.epochs * per_epoch,
          .per_epoch = per_epoch};
}

}  // namespace

TrainingRun::TrainingRun(const Session& session, model::Network& network,
                         const data::JetSource& training, const data::JetSource* validation,
                         const InputDigests& inputs, at::Device device,
                         std::shared_ptr<comm::AllReducer> reducer, const comm::Communicator& comm)
    : session_(session),
      settings_(session.settings),
      comm_(comm),
      network_(network),
      validation_(validation),
      device_(device),
      jets_(
          training,
          data::GlobalOrder(data::jets_of_epoch(training), settings_.global_batch, settings_.seed),
          comm),
      length_(length_of(settings_, jets_.order().batches())),
      curve_(curve_settings(settings_, training.jets(), inputs)),
      reducer_(std::move(reducer)) {
  move_to(network_, at::kCPU, storage_type(settings_));
  frozen_ = frozen_sha256(network_, settings_);
  std::optional<Checkpoint> from;
  if (session_.resume) {
    comm_.agree([&] {
      from = find_continuation(session_.output, session_.model, curve_,
                               [this](const std::string& line) { say(line); });
      if (from) {
        model::load_state_dict(network_, from->weights, (session_.output / "checkpoints").string());
      }
    });
    comm::require_same(fmt::to_string(from ? from->step : -1),
                       (session_.output / "checkpoints").string(), comm_);
  }
  trainer_.emplace(network_, settings_, length_, device_, comm, reducer_);
  if (from) {
    trainer_->set_steps_done(from->step);
    for (const auto& [name, tensor] : trainer_->optimiser().memory()) {
      tensor.copy_(from->memory_of(name));
    }
    best_ = from->best;
    best_epoch_ = from->best_epoch;
    validated_step_ = from->validated_step;
  }
  first_step_ = trainer_->steps_done();
  comm_.agree([&] {
    if (comm_.is_root()) {
      if (from) {
        remove_checkpoints_after(session_.output / "checkpoints", first_step_);
      }
      // The row of a last epoch that is not whole is of no use to a run that goes on.
      const std::int64_t epochs = first_step_ == length_.steps
                                      ? epochs_begun(validated_step_)
                                      : validated_step_ / length_.per_epoch;
      log_.emplace(session_.output, static_cast<std::size_t>(network_.exits()), first_step_,
                   epochs);
    }
  });
}

Summary TrainingRun::go() {
  if (const double reached = exit_ramp(length_.epochs() - 1, settings_);
      settings_.exit_ramp != "switch" && reached < 1.0) {
    say(
        fmt::format("the weights of early exits reach {:.2f} of exit_weights before the training "
                    "ends; more --epochs or a smaller exit_ramp_end let them rise to the end",
                    reached));
  }
  if (validation_due()) {
    validate();  // the run before was ended between a checkpoint and its validation
  }
  bool stop = without_improvement();
  while (!stop && trainer_->steps_done() < length_.steps) {
    step();
    const std::int64_t done = trainer_->steps_done();
    const bool interrupted =
        comm_.all_reduce(static_cast<std::int64_t>(session_.interrupted() ? 1 : 0),
                         comm::Reduce::max) != 0;
    if (interrupted || done % length_.per_epoch == 0 || done == length_.steps ||
        done % settings_.checkpoint_steps == 0) {
      save_checkpoint();
    }
    if (interrupted && done < length_.steps) {
      summary_.end = ExitCode::preempted;
      stop = true;
    } else if (validation_due()) {
      validate();
      stop = without_improvement();
    }
  }
  if (best_epoch_ < 0 && summary_.end == ExitCode::ok) {
    save_last();
  }
  return finish();
}

void TrainingRun::step() {
  const sys::Timer timer;
  const std::int64_t step = trainer_->steps_done();
  const std::int64_t epoch = step / length_.per_epoch;
  session_.phase(fmt::format("train:step {}", step + 1));
  data::JetBatch batch;
  const std::int64_t pass = jets_.order().batches();
  comm_.agree([&] { batch = jets_.batch(step / pass, step % pass); });
  if (step % length_.per_epoch == 0 && settings_.exit_ramp != "none") {
    say(fmt::format("epoch {} weights of the exits {}", epoch + 1,
                    fmt::join(trainer_->plan().weights, ",")));
  }
  const double lr = trainer_->learning_rate();
  const StepReport report = trainer_->step(batch);
  if (step == first_step_) {
    summary_.first_loss = report.loss;
  }
  summary_.last_loss = report.loss;
  if (log_) {
    log_->step(step + 1, epoch + 1, lr, report);
  }
  seconds_ += timer.seconds();
  if (seconds_ - last_line_ > seconds_between_lines || step + 1 == length_.steps) {
    last_line_ = seconds_;
    const auto done = static_cast<double>(step + 1 - first_step_);
    say(fmt::format(
        "step {}/{} epoch {} loss {:.4f} accuracy {:.3f} {:.0f} jets/s all-reduce "
        "{:.1f} % eta {:.0f} s",
        step + 1, length_.steps, epoch + 1, report.loss, fmt::join(report.exit_accuracy, ","),
        done * static_cast<double>(settings_.global_batch) / seconds_,
        100.0 * reducer_->seconds_blocked() / seconds_,
        static_cast<double>(length_.steps - step - 1) * seconds_ / done));
  }
}

/// After each epoch, and after the last step where that is within one.
bool TrainingRun::validation_due() const {
  const std::int64_t done = trainer_->steps_done();
  return validation_ != nullptr && done > validated_step_ &&
         (done % length_.per_epoch == 0 || done == length_.steps);
}

/// The steps are safe in a checkpoint already, which then learns what came of it.
void TrainingRun::validate() {
  const std::int64_t epoch = epochs_begun(trainer_->steps_done());
  const Evaluation evaluation =
      evaluate(network_, *validation_, last_evaluated(settings_), device_, storage_type(settings_),
               comm_, [&] { session_.phase(fmt::format("train:validation of epoch {}", epoch)); });
  set_trainable(network_, settings_);
  if (log_) {
    log_->epoch(epoch, trainer_->steps_done(), evaluation);
  }
  say(fmt::format("epoch {} validation accuracy {:.4f}", epoch,
                  fmt::join(evaluation.accuracy, ",")));
  const double now = score(evaluation, settings_);
  if (std::isnan(now)) {
    throw InputError(fmt::format("best = '{}' is no number after epoch {}; correct the formula",
                                 settings_.best, epoch));
  }
  if (now > best_) {
    best_ = now;
    best_epoch_ = epoch;
    save_best();
  }
  validated_step_ = trainer_->steps_done();
  save_checkpoint();
}

/// Whether validation has not become better for too long, which ends the training.
bool TrainingRun::without_improvement() const {
  const std::int64_t epochs = trainer_->steps_done() / length_.per_epoch;
  const bool stop = settings_.patience > 0 && best_epoch_ > 0 &&
                    epochs - best_epoch_ >= settings_.patience &&
                    trainer_->steps_done() < length_.steps;
  if (stop) {
    say(
        fmt::format("ended early after epoch {} of {}: none better than epoch {}; to go on, run "
                    "again with --resume and --patience above {}, or 0 for never",
                    epochs, length_.steps / length_.per_epoch, best_epoch_, settings_.patience));
  }
  return stop;
}

void TrainingRun::save_best() {
  comm_.agree([&] {
    if (comm_.is_root()) {
      model::Weights weights;
      weights.tensors = model::state_dict(network_);
      weights.config = session_.model.text();
      weights.origin = fmt::format("eebench {}, commit {}, {} ranks: {}\nstep {}: {}", version,
                                   build_info().commit(), comm_.size(), session_.command_line,
                                   trainer_->steps_done(), curve_);
      model::write_weights(session_.output / "weights.h5", weights);
    }
  });
}

/// Without validation the last weights count as the best. Those of a training that had ended before
/// stay, with the gates that may have been added to them.
void TrainingRun::save_last() {
  const bool there = comm_.all(std::filesystem::exists(session_.output / "weights.h5"));
  if (trainer_->steps_done() > first_step_ || !there) {
    save_best();
  }
}

void TrainingRun::save_checkpoint() {
  comm_.agree([&] {
    if (comm_.is_root()) {
      write_checkpoint(session_.output / "checkpoints",
                       {.weights = model::state_dict(network_),
                        .config = session_.model.text(),
                        .training = curve_,
                        .optimiser = trainer_->optimiser().memory(),
                        .step = trainer_->steps_done(),
                        .world_size = comm_.size(),
                        .best = best_,
                        .best_epoch = best_epoch_,
                        .validated_step = validated_step_});
    }
  });
}

Summary TrainingRun::finish() {
  summary_.frozen_sha256 = frozen_sha256(network_, settings_);
  if (summary_.frozen_sha256 != frozen_) {
    throw Error(ExitCode::internal,
                fmt::format("what is frozen has changed from {} to {}; do not use {}", frozen_,
                            summary_.frozen_sha256, session_.output.string()));
  }
  comm_.barrier();
  const std::int64_t steps = trainer_->steps_done() - first_step_;
  if (steps == 0 && trainer_->steps_done() >= length_.steps) {
    say(fmt::format("nothing to do: step {} of {} is done; give more --epochs or --steps to go on",
                    trainer_->steps_done(), length_.steps));
  }
  summary_.steps = trainer_->steps_done();
  summary_.seconds = seconds_;
  summary_.jets_per_second = static_cast<double>(steps * settings_.global_batch) / summary_.seconds;
  summary_.all_reduce_seconds = reducer_->seconds_blocked();
  summary_.all_reduce_share = summary_.all_reduce_seconds / summary_.seconds;
  summary_.all_reduce_bytes = reducer_->bytes();
  if (reducer_->seconds_running() > 0.0) {
    summary_.all_reduce_hidden = reducer_->seconds_hidden() / reducer_->seconds_running();
  }
  return std::move(summary_);
}

}  // namespace eebench::train
