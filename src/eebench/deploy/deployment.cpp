#include "eebench/deploy/deployment.hpp"

#include <algorithm>
#include <chrono>
#include <deque>
#include <map>
#include <numeric>
#include <optional>
#include <set>
#include <thread>
#include <utility>

#include <ATen/ATen.h>

#include "eebench/comm/share.hpp"
#include "eebench/deploy/post.hpp"
#include "eebench/sys/timer.hpp"

namespace eebench::deploy {
namespace {

using model::Axis;
using model::State;

constexpr auto pause = std::chrono::microseconds(50);

/// One number a jet.
std::vector<std::int64_t> numbers(const State& record, const char* name) {
  const at::Tensor& tensor = record.get(name);
  const auto* data = tensor.const_data_ptr<std::int64_t>();
  return {data, data + tensor.numel()};
}

/// What goes to the rank that reads the jets: "exit", "position", "logits" [jets, classes].
State answer_of(const State& record, std::int64_t exit) {
  State answer(record.jets());
  answer.set("exit", Axis::sample, at::full({record.size()}, exit, at::kLong));
  answer.set("position", Axis::sample, record.get("position"));
  answer.set("logits", Axis::sample, record.get("logits").select(1, exit).contiguous());
  return answer;
}

/// One rank of a deployment. Nothing it does waits for another rank while it holds what that one
/// may wait for: answers and credits are taken at any time, and the last tier hands nothing on.
class Worker {
 public:
  Worker(const comm::Communicator& comm, const Plan& plan, Stage& stage, const data::ReadJets& read,
         std::int64_t jets, const std::vector<std::string>& classes, const Hooks& hooks)
      : comm_(comm),
        plan_(plan),
        stage_(stage),
        tier_(plan.tier_of(comm.rank())),
        post_(comm, plan),
        hooks_(hooks) {
    if (tier_ + 1 < plan.tiers.size()) {
      under_way_.resize(static_cast<std::size_t>(plan.tiers[tier_ + 1].ranks));
    }
    if (tier_ == 0) {
      own_ = comm::share_of(jets, comm.rank(), static_cast<int>(plan.tiers[0].ranks));
      next_ = own_.begin;
      read_ = data::read_ahead(read, own_.end);
    }
    const auto count = static_cast<std::size_t>(own_.end - own_.begin);
    result_.share = {.exits = stage.network().exits(),
                     .classes = classes,
                     .logits = std::vector<float>(count * classes.size()),
                     .exit_index = std::vector<std::int64_t>(count),
                     .labels = {}};
    result_.latency.resize(count);
    for (auto* figures : all_figures()) {
      figures->resize(plan.tiers.size());
    }
  }

  Deployment run() {
    comm_.barrier();
    timer_.restart();
    while (!finished()) {
      bool busy = take_letters();
      busy = hand_on() || busy;
      busy = work() || busy;
      busy = say_end() || busy;
      if (busy) {
        waits_ = false;
      } else {
        if (!std::exchange(waits_, true)) {
          hooks_.waiting();
        }
        std::this_thread::sleep_for(pause);
      }
    }
    count_batches();
    for (auto* figures : all_figures()) {
      comm_.all_reduce(std::span(*figures), comm::Reduce::sum);
    }
    result_.figures.seconds = comm_.all_reduce(last_answer_, comm::Reduce::max);
    return std::move(result_);
  }

 private:
  struct Arrived {
    std::int64_t from;
    Underway jets;
  };

  std::vector<std::vector<double>*> all_figures() {
    Figures& f = result_.figures;
    return {&f.entered,    &f.runs,         &f.answered,        &f.answer_batches,
            &f.sent_bytes, &f.answer_bytes, &f.compute_seconds, &f.blocked_seconds};
  }

  bool take_letters() {
    bool any = false;
    while (auto letter = post_.receive()) {
      any = true;
      switch (letter->kind) {
        case Kind::batch:
          inbox_.push_back({letter->from, Underway::unpack(letter->content)});
          break;
        case Kind::credit:
          --under_way_[static_cast<std::size_t>(letter->from - plan_.first_rank(tier_ + 1))];
          break;
        case Kind::end:
          ++ended_;
          break;
        case Kind::answers:
          note(State::unpack(letter->content));
          break;
      }
    }
    return any;
  }

  /// To the rank of the next tier whose turn it is, or the first after it that has room.
  bool hand_on() {
    if (!outbox_) {
      return false;
    }
    for (std::size_t tried = 0; tried < under_way_.size(); ++tried) {
      const std::size_t to = (turn_ + tried) % under_way_.size();
      if (under_way_[to] < plan_.window) {
        ++under_way_[to];
        turn_ = to + 1;
        result_.figures.sent_bytes[tier_] += static_cast<double>(
            post_.send(plan_.first_rank(tier_ + 1) + static_cast<std::int64_t>(to), Kind::batch,
                       outbox_->pack()));
        outbox_.reset();
        if (blocked_since_) {
          result_.figures.blocked_seconds[tier_] += timer_.seconds() - *blocked_since_;
          blocked_since_.reset();
        }
        return true;
      }
    }
    if (!blocked_since_) {
      blocked_since_ = timer_.seconds();
    }
    return false;
  }

  /// Runs one batch, unless the last one's survivors are still here.
  bool work() {
    if (outbox_) {
      return false;
    }
    if (next_ < own_.end) {
      const data::JetBatch batch = read_(next_, std::min(next_ + plan_.batch, own_.end));
      handed_over_.push_back(timer_.seconds());
      const std::int64_t position = std::exchange(next_, next_ + plan_.batch) - own_.begin;
      result_.share.labels.insert(result_.share.labels.end(), batch.labels.begin(),
                                  batch.labels.end());
      const sys::Timer compute;
      Underway jets = stage_.enter(batch, comm_.rank(), position);
      result_.figures.compute_seconds[tier_] += compute.seconds();
      run_segments(std::move(jets));
      return true;
    }
    if (inbox_.empty()) {
      return false;
    }
    std::vector<Underway> parts;
    std::vector<std::int64_t> senders;
    std::int64_t jets = 0;
    while (!inbox_.empty() && (parts.empty() || jets + inbox_.front().jets.size() <= plan_.batch)) {
      jets += inbox_.front().jets.size();
      senders.push_back(inbox_.front().from);
      parts.push_back(std::move(inbox_.front().jets));
      inbox_.pop_front();
    }
    run_segments(Underway::concat(parts));
    for (const std::int64_t sender : senders) {
      post_.send(sender, Kind::credit, {});
    }
    return true;
  }

  void run_segments(Underway jets) {
    result_.figures.entered[tier_] += static_cast<double>(jets.size());
    result_.figures.runs[tier_] += 1.0;
    hooks_.working(noted_, own_.end - own_.begin);
    std::vector<Answers> answered;
    const sys::Timer compute;
    Underway survivors = stage_.run(std::move(jets), answered);
    result_.figures.compute_seconds[tier_] += compute.seconds();
    for (const Answers& answers : answered) {
      answer(answers);
    }
    if (survivors.size() > 0) {
      outbox_ = std::move(survivors);
    }
  }

  void answer(const Answers& answers) {
    result_.figures.answered[tier_] += static_cast<double>(answers.record.size());
    if (tier_ == 0) {
      note(answer_of(answers.record, answers.exit));
      return;
    }
    std::map<std::int64_t, std::vector<std::int64_t>> jets_of;
    const std::vector<std::int64_t> origin = numbers(answers.record, "origin");
    for (std::size_t jet = 0; jet < origin.size(); ++jet) {
      jets_of[origin[jet]].push_back(static_cast<std::int64_t>(jet));
    }
    for (const auto& [rank, jets] : jets_of) {
      const State own = answer_of(answers.record.select(jets), answers.exit);
      result_.figures.answer_bytes[tier_] +=
          static_cast<double>(post_.send(rank, Kind::answers, own.pack()));
    }
  }

  /// Answers have come back to their origin.
  void note(const State& answers) {
    last_answer_ = timer_.seconds();
    const std::vector<std::int64_t> positions = numbers(answers, "position");
    const std::vector<std::int64_t> exits = numbers(answers, "exit");
    const auto* logits = answers.get("logits").const_data_ptr<float>();
    const std::size_t width = result_.share.classes.size();
    for (std::size_t jet = 0; jet < positions.size(); ++jet) {
      const auto position = static_cast<std::size_t>(positions[jet]);
      std::copy_n(logits + jet * width, width, &result_.share.logits[position * width]);
      result_.share.exit_index[position] = exits[jet];
      result_.latency[position] = last_answer_ - handed_over_[batch_of(position)];
    }
    noted_ += static_cast<std::int64_t>(positions.size());
    hooks_.working(noted_, own_.end - own_.begin);
  }

  std::size_t batch_of(std::size_t position) const {
    return position / static_cast<std::size_t>(plan_.batch);
  }

  /// Whether no more jets will come to this rank.
  bool fed() const {
    return next_ >= own_.end && inbox_.empty() && !outbox_ &&
           (tier_ == 0 || ended_ == plan_.tiers[tier_ - 1].ranks);
  }

  bool say_end() {
    if (end_said_ || !fed()) {
      return false;
    }
    end_said_ = true;
    for (std::size_t to = 0; to < under_way_.size(); ++to) {
      post_.send(plan_.first_rank(tier_ + 1) + static_cast<std::int64_t>(to), Kind::end, {});
    }
    return true;
  }

  /// Nothing may come any more, neither answers nor credits.
  bool finished() {
    return end_said_ && noted_ == own_.end - own_.begin &&
           std::accumulate(under_way_.begin(), under_way_.end(), std::int64_t{0}) == 0 &&
           post_.sent();
  }

  void count_batches() {
    std::vector<std::set<std::size_t>> batches(plan_.tiers.size());
    for (std::size_t jet = 0; jet < result_.share.exit_index.size(); ++jet) {
      std::size_t tier = 0;
      while (!plan_.segments_of(tier).hold(result_.share.exit_index[jet])) {
        ++tier;
      }
      batches[tier].insert(batch_of(jet));
    }
    for (std::size_t tier = 0; tier < batches.size(); ++tier) {
      result_.figures.answer_batches[tier] = static_cast<double>(batches[tier].size());
    }
  }

  const comm::Communicator& comm_;
  const Plan& plan_;
  Stage& stage_;
  std::size_t tier_;
  Post post_;
  const Hooks& hooks_;
  data::ReadJets read_;
  comm::Share own_{0, 0};  ///< jets that this rank reads
  std::int64_t next_ = 0;
  std::int64_t noted_ = 0;           ///< answers to them
  std::vector<double> handed_over_;  ///< [batches] s
  std::deque<Arrived> inbox_;
  std::optional<Underway> outbox_;       ///< survivors of the last batch
  std::vector<std::int64_t> under_way_;  ///< [ranks of the next tier] batches without credit yet
  std::size_t turn_ = 0;
  std::optional<double> blocked_since_;
  std::int64_t ended_ = 0;  ///< ranks of the tier before that have no more jets
  bool end_said_ = false;
  bool waits_ = false;
  sys::Timer timer_;
  double last_answer_ = 0.0;  ///< s
  Deployment result_;
};

}  // namespace

Deployment run(const comm::Communicator& comm, const Plan& plan, Stage& stage,
               const data::ReadJets& read, std::int64_t jets,
               const std::vector<std::string>& classes, const Hooks& hooks) {
  return Worker(comm, plan, stage, read, jets, classes, hooks).run();
}

}  // namespace eebench::deploy
