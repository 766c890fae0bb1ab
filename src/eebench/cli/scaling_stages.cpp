#include "eebench/cli/scaling_stages.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <memory>
#include <optional>
#include <thread>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <fmt/format.h>

#include "eebench/comm/all_reducer.hpp"
#include "eebench/comm/arrive.hpp"
#include "eebench/comm/share.hpp"
#include "eebench/core/error.hpp"
#include "eebench/data/sampler.hpp"
#include "eebench/nn/device.hpp"
#include "eebench/sys/timer.hpp"
#include "eebench/train/trainer.hpp"

namespace eebench::cli {
namespace {

/// Of a step, all ranks.
std::int64_t global_jets(const ScalingWork& work, int ranks) {
  return work.weak ? work.jets * ranks : work.jets;
}

class Training final : public bench::ScalingStage {
 public:
  Training(const ScalingWork& work, const comm::Communicator& group)
      : loaded_(load_network(work.model)), source_(work.data, loaded_.features) {
    at::set_num_threads(work.threads);
    model::check_classes(source_.classes().size(), source_.path().string(), *loaded_.network,
                         loaded_.config.name);
    train::Settings settings = train::settings_of(loaded_.config);
    settings.global_batch = global_jets(work, group.size());
    settings.freeze.clear();
    if (source_.jets() < settings.global_batch) {
      throw InputError(fmt::format(
          "{}: its {} jets are less than the {} of a step of {} ranks; give "
          "fewer --jets or another file",
          source_.path().string(), source_.jets(), settings.global_batch, group.size()));
    }
    train::check(settings, loaded_.network->exits(), loaded_.network->classes());
    jets_.emplace(source_, data::GlobalOrder(source_.jets(), settings.global_batch, settings.seed),
                  group);
    const at::Device device = nn::device_of(work.device, group.local_rank());
    reducer_ = comm::make_all_reducer(comm::default_back_end(device.is_cuda(), group), group);
    const std::int64_t per_epoch = jets_->order().batches();
    trainer_.emplace(*loaded_.network, settings,
                     train::Length{.steps = settings.epochs * per_epoch, .per_epoch = per_epoch},
                     device, group, reducer_);
  }

  bench::StepTimes step() override {
    const sys::Timer timer;
    const std::int64_t done = trainer_->steps_done();
    const std::int64_t per_epoch = jets_->order().batches();
    const data::JetBatch batch = jets_->batch(done / per_epoch, done % per_epoch);
    bench::StepTimes times{.input = timer.seconds(), .blocked = -reducer_->seconds_blocked()};
    size_ = static_cast<double>(batch.size());
    trainer_->step(batch);
    times.blocked += reducer_->seconds_blocked();
    return times;
  }

  double jets() const override { return size_; }
  /// Bytes that a step sums over ranks.
  double bytes() const { return reducer_->bytes() / static_cast<double>(trainer_->steps_done()); }

 private:
  LoadedNetwork loaded_;
  data::JetSource source_;
  std::optional<data::TrainingJets> jets_;
  std::shared_ptr<comm::AllReducer> reducer_;
  std::optional<train::Trainer> trainer_;
  double size_ = 0.0;
};

/// All-reduces of as many bytes as were asked for.
class Sums {
 public:
  Sums(double bytes, const comm::Communicator& group, at::Device device)
      : reducer_(comm::make_all_reducer(comm::default_back_end(device.is_cuda(), group), group)),
        ranks_(group.size()),
        rank_(group.rank()),
        values_(at::empty({static_cast<std::int64_t>(bytes) / std::int64_t{sizeof(float)}},
                          at::TensorOptions(at::kFloat).device(device))) {}

  double bytes() const { return static_cast<double>(values_.nbytes()); }

  /// Small whole numbers, other ones at every place and on every rank: their sums are exact.
  void fill() { values_.copy_(numbers() + rank_); }

  /// Seconds that this rank was blocked.
  double sum() {
    const double before = reducer_->seconds_blocked();
    reducer_->start(
        {.data = values_.data_ptr(), .count = static_cast<std::size_t>(values_.numel())});
    reducer_->wait();
    return reducer_->seconds_blocked() - before;
  }

  void check() const {
    if (!values_.equal(numbers() * ranks_ + ranks_ * (ranks_ - 1) / 2)) {
      throw Error(ExitCode::internal,
                  fmt::format("the all-reduce '{}' of {} numbers over {} ranks gave a wrong sum",
                              reducer_->name(), values_.numel(), ranks_));
    }
  }

 private:
  at::Tensor numbers() const {
    return at::arange(values_.numel(), values_.options()).remainder(1000);
  }

  std::unique_ptr<comm::AllReducer> reducer_;
  int ranks_;
  int rank_;
  at::Tensor values_;
};

/// The root trains before each step as many jets as a rank has, alone; then all sleep as long.
class EmulatedTraining final : public bench::ScalingStage {
 public:
  EmulatedTraining(ScalingWork work, const comm::Communicator& group)
      : group_(group),
        resting_(group.first(group.size())),
        jets_(static_cast<double>(global_jets(work, group.size())) / group.size()) {
    if (group.is_root()) {
      work.jets = static_cast<std::int64_t>(std::ceil(jets_));
      alone_ = std::make_unique<Training>(work, comm::Communicator());
      alone_->step();
    }
    sums_.emplace(from_root(alone_ ? alone_->bytes() : 0.0), group, at::kCPU);
  }

  void prepare() override {
    const sys::Timer timer;
    if (alone_) {
      alone_->step();
    }
    seconds_ = from_root(timer.seconds());
  }
  bench::StepTimes step() override {
    std::this_thread::sleep_for(std::chrono::duration<double>(seconds_));
    return {.input = 0.0, .blocked = sums_->sum()};
  }
  double jets() const override { return jets_; }
  double bytes() const override { return sums_->bytes(); }

 private:
  /// The others leave the cores to the root until it comes.
  double from_root(double value) const {
    comm::all_arrive(resting_, std::numeric_limits<double>::infinity());
    return group_.all_gather(value).front();
  }

  comm::Communicator group_;
  comm::Communicator resting_;
  double jets_;
  std::unique_ptr<Training> alone_;
  std::optional<Sums> sums_;
  double seconds_ = 0.0;
};

class Inference final : public bench::ScalingStage {
 public:
  Inference(const ScalingWork& work, bench::Subject& subject, const exits::Rule& rule,
            const std::vector<double>& thresholds, const comm::Communicator& group)
      : work_(work),
        subject_(subject),
        rule_(rule),
        thresholds_(thresholds),
        share_(comm::share_of(global_jets(work, group.size()), group.rank(), group.size())) {}

  bench::StepTimes step() override {
    bench::StepTimes times;
    entered_.assign(static_cast<std::size_t>(subject_.executor->exits()), 0.0);
    const data::ReadJets read = data::read_ahead(subject_.jets.read, share_.end);
    for (std::int64_t begin = share_.begin; begin < share_.end; begin += work_.batch) {
      const sys::Timer timer;
      const data::JetBatch batch = read(begin, std::min(begin + work_.batch, share_.end));
      times.input += timer.seconds();
      const exec::BatchTrace trace =
          work_.rule.empty() ? subject_.executor->run_fixed(batch, subject_.executor->exits() - 1)
                             : subject_.executor->run(batch, rule_, thresholds_);
      for (std::size_t k = 0; k < entered_.size(); ++k) {
        entered_[k] += static_cast<double>(trace.survivors[k]);
      }
    }
    return times;
  }
  double jets() const override { return static_cast<double>(share_.end - share_.begin); }
  std::vector<double> entered() const override { return entered_; }

 private:
  const ScalingWork& work_;
  bench::Subject& subject_;
  const exits::Rule& rule_;
  const std::vector<double>& thresholds_;
  comm::Share share_;
  std::vector<double> entered_;
};

class AllReduce final : public bench::ScalingStage {
 public:
  AllReduce(const ScalingWork& work, const comm::Communicator& group)
      : sums_(static_cast<double>(work.bytes), group,
              nn::device_of(work.device, group.local_rank())) {}

  void prepare() override { sums_.fill(); }
  bench::StepTimes step() override { return {.input = 0.0, .blocked = sums_.sum()}; }
  void check() override { sums_.check(); }
  double jets() const override { return 0.0; }
  double bytes() const override { return sums_.bytes(); }

 private:
  Sums sums_;
};

}  // namespace

bench::OpenStage open_training(const ScalingWork& work) {
  return
      [&work](const comm::Communicator& group) { return std::make_unique<Training>(work, group); };
}

bench::OpenStage open_emulated_training(const ScalingWork& work) {
  return [&work](const comm::Communicator& group) {
    return std::make_unique<EmulatedTraining>(work, group);
  };
}

bench::OpenStage open_inference(const ScalingWork& work, Context& context) {
  struct Shared {
    bench::Subject subject;
    exits::Rule rule;
    std::vector<double> thresholds;
  };
  bench::Suite suite;
  suite.data = work.data;
  suite.device = work.device;
  const auto shared = std::make_shared<Shared>(
      Shared{open_subject(context, work.model, suite, work.threads), {}, {}});
  context.comm.agree([&] {
    const bench::Subject& subject = shared->subject;
    if (const std::int64_t most = global_jets(work, context.comm.size());
        most > subject.jets.count) {
      throw InputError(fmt::format("{} holds {} jets, {} ranks would need {}; give fewer --jets",
                                   work.data, subject.jets.count, context.comm.size(), most));
    }
    if (!work.rule.empty()) {
      const std::int64_t exits = subject.executor->exits();
      shared->rule = exits::make_rule(work.rule, subject.fits, exits, subject.classes);
      shared->thresholds = option_thresholds(work.rule, work.thresholds, exits);
    }
  });
  return [&work, shared](const comm::Communicator& group) {
    return std::make_unique<Inference>(work, shared->subject, shared->rule, shared->thresholds,
                                       group);
  };
}

bench::OpenStage open_all_reduce(const ScalingWork& work) {
  return
      [&work](const comm::Communicator& group) { return std::make_unique<AllReduce>(work, group); };
}

}  // namespace eebench::cli
