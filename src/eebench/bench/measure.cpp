#include "eebench/bench/measure.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <exception>
#include <limits>
#include <numeric>

#include "eebench/bench/samples.hpp"
#include "eebench/bench/schema.hpp"
#include "eebench/stats/interval.hpp"
#include "eebench/stats/quantile.hpp"
#include "eebench/stats/stopping.hpp"

namespace eebench::bench {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// Batches between two decisions, at most; a decision is one small collective.
constexpr std::int64_t longest_chunk = 64;
/// Time that batches between two decisions should take: a decision then costs below 1 %.
constexpr double chunk_seconds = 0.05;

/// Strides that an interval of the median or of the throughput needs at least.
constexpr std::int64_t fewest_for_interval = 8;

/// Decides on rank 0 whether to go on, after each stride: what ranks start together, in offline a
/// pass over the batches, in single_stream a batch. Its time is that of the slowest rank.
class Stopping {
 public:
  Stopping(const Effort& effort, Scenario scenario, std::int64_t pass)
      : effort_(effort),
        fewest_(fewest(effort, scenario, pass)),
        precise_({fewest_, effort.min_seconds, effort.max_seconds}) {}

  /// Index into stop_reasons, or -1 to go on.
  std::int64_t add(double seconds, double wall_seconds) {
    ++strides_;
    seconds_ += seconds;
    if (effort_.until_precise) {
      switch (precise_.add(seconds, wall_seconds)) {
        case stats::StopReason::none:
          return -1;
        case stats::StopReason::converged:
          return 0;
        case stats::StopReason::timeout:
          return 1;
      }
    }
    return strides_ >= fewest_ && seconds_ >= effort_.min_seconds ? 2 : -1;
  }

 private:
  static std::int64_t fewest(const Effort& effort, Scenario scenario, std::int64_t pass) {
    if (scenario == Scenario::single_stream) {
      return std::max(effort.min_samples, effort.whole_passes ? pass : 1);
    }
    return std::max((effort.min_samples + pass - 1) / pass,
                    effort.until_precise ? fewest_for_interval : 1);
  }

  const Effort& effort_;
  std::int64_t fewest_;
  stats::MedianIntervalCriterion precise_;
  std::int64_t strides_ = 0;
  double seconds_ = 0.0;
};

/// Runs batches on all ranks and keeps what they showed.
class Measurement {
 public:
  Measurement(const comm::Communicator& comm, const Workload& workload, Scenario scenario)
      : comm_(comm), workload_(workload), scenario_(scenario) {
    seen_.assign(workload.batches.size(), false);
    left_.assign(static_cast<std::size_t>(workload.exits), 0.0);
  }

  std::int64_t pass() const { return static_cast<std::int64_t>(workload_.batches.size()); }
  /// Batches of one: handed over without waiting for other ranks.
  std::int64_t stride() const { return scenario_ == Scenario::offline ? pass() : 1; }

  /// \collective `count` batches on every rank. Returns the seconds of each stride on the slowest
  /// rank, the same on every rank.
  std::vector<double> run(std::int64_t count) {
    std::vector<double> strides;
    std::exception_ptr error;
    for (std::int64_t done = 0; done < count; done += stride()) {
      comm_.barrier();
      const auto start = Clock::now();
      for (std::int64_t i = done; i < std::min(count, done + stride()); ++i) {
        const std::size_t which = next_++ % workload_.batches.size();
        // The others wait at the next barrier: an error must not keep this rank from it.
        if (!error) {
          try {
            own_.push_back(run_one(which));
            continue;
          } catch (...) {
            error = std::current_exception();
          }
        }
        own_.push_back(sample_of({}, workload_.exits));
      }
      strides.push_back(seconds_since(start));
      own_wall_ += strides.back();
    }
    comm_.agree([&] {
      if (error) {
        std::rethrow_exception(error);
      }
    });
    comm_.all_reduce(std::span<double>(strides), comm::Reduce::max);
    stride_seconds_.insert(stride_seconds_.end(), strides.begin(), strides.end());
    return strides;
  }

  /// \collective Time of the last `count` batches on the slowest rank.
  double seconds_of_last(std::int64_t count) const {
    double seconds = 0.0;
    for (auto sample = own_.end() - count; sample != own_.end(); ++sample) {
      seconds += sample->seconds;
    }
    return comm_.all_reduce(seconds, comm::Reduce::max);
  }

  /// The next batch is the first again.
  void rewind() { next_ = 0; }

  /// Forgets the times so far; what the exits showed stays. Returns the batches of this rank.
  std::int64_t restart() {
    const auto warmed = static_cast<std::int64_t>(own_.size());
    rewind();
    own_.clear();
    stride_seconds_.clear();
    own_wall_ = 0.0;
    return warmed;
  }

  /// \collective
  Values values(const Effort& effort, std::uint64_t seed) const;

 private:
  Sample run_one(std::size_t which) {
    const exec::BatchTrace trace = workload_.run(workload_.batches[which]);
    peak_bytes_ = std::max(peak_bytes_, static_cast<double>(trace.peak_bytes));
    if (!seen_[which]) {
      seen_[which] = true;
      const std::vector<std::int32_t>& replayed = workload_.replayed[which];
      for (std::size_t jet = 0; jet < trace.exit_index.size(); ++jet) {
        left_[static_cast<std::size_t>(trace.exit_index[jet])] += 1.0;
        flips_ += trace.exit_index[jet] != replayed[jet] ? 1.0 : 0.0;
      }
      multiply_adds_ += static_cast<double>(trace.work.multiply_adds);
    }
    return sample_of(trace, workload_.exits);
  }

  void put_times(Values& values, std::span<const Sample> slowest) const;
  void put_throughput(Values& values, const Effort& effort, std::uint64_t seed) const;
  void put_latencies(Values& values) const;
  void put_work(Values& values) const;

  const comm::Communicator& comm_;
  const Workload& workload_;
  Scenario scenario_;
  std::size_t next_ = 0;
  std::vector<Sample> own_;
  std::vector<double> stride_seconds_;  // slowest rank
  double own_wall_ = 0.0;               // of this rank's strides
  std::vector<bool> seen_;              // of the distinct batches, for what does not depend on time
  std::vector<double> left_;            // [exits] jets of the distinct batches
  double flips_ = 0.0;
  double multiply_adds_ = 0.0;
  double peak_bytes_ = 0.0;
};

std::vector<double> seconds_of(std::span<const Sample> samples) {
  std::vector<double> seconds;
  for (const Sample& sample : samples) {
    seconds.push_back(sample.seconds);
  }
  return seconds;
}

/// Median over samples of each entry of a list; samples without it do not count.
std::vector<double> medians(std::span<const Sample> samples, std::vector<double> Sample::*list) {
  std::vector<double> result;
  for (std::size_t exit = 0; exit < (samples.front().*list).size(); ++exit) {
    std::vector<double> values;
    for (const Sample& sample : samples) {
      if (const double value = (sample.*list)[exit]; !std::isnan(value)) {
        values.push_back(value);
      }
    }
    result.push_back(stats::median(values));
  }
  return result;
}

double jets_of(const Sample& sample) {
  return std::accumulate(sample.leaving.begin(), sample.leaving.end(), 0.0);
}

/// Where no jet left: below every time, so that this rank has no say in the largest one.
constexpr double nobody = -std::numeric_limits<double>::infinity();

/// [percentiles] over the jets that leave at the exits [first, last); NaN for too few batches.
std::vector<double> latencies(std::span<const Sample> samples, std::size_t first,
                              std::size_t last) {
  std::vector<Weighted> times;
  std::int64_t batches = 0;
  for (const Sample& sample : samples) {
    bool any = false;
    for (std::size_t exit = first; exit < last; ++exit) {
      if (sample.leaving[exit] > 0.0) {
        times.push_back({sample.answer_seconds[exit], sample.leaving[exit]});
        any = true;
      }
    }
    batches += any ? 1 : 0;
  }
  std::vector<double> result;
  for (const double percentile : percentiles) {
    result.push_back(times.empty() ? nobody : latency_quantile(times, percentile, batches));
  }
  return result;
}

/// Largest entry of each column over rows of `width`; NaN where one is NaN or nobody left.
std::vector<double> largest(std::span<const double> rows, std::size_t width) {
  std::vector<double> result(width, nobody);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    double& column = result[i % width];
    column = std::isnan(rows[i]) || rows[i] > column ? rows[i] : column;
  }
  std::replace(result.begin(), result.end(), nobody, not_available);
  return result;
}

void Measurement::put_times(Values& values, std::span<const Sample> slowest) const {
  const std::vector<double> seconds = seconds_of(slowest);
  const stats::Interval interval = stats::median_interval(seconds);
  values["batch_time"] = {stats::median(seconds)};
  values["batch_time_ci_low"] = {interval.low};
  values["batch_time_ci_high"] = {interval.high};
  values["segment_time"] = medians(slowest, &Sample::segment_seconds);
  values["head_time"] = medians(slowest, &Sample::head_seconds);
  std::vector<double> compact;
  for (const Sample& sample : slowest) {
    compact.push_back(sample.compact_seconds);
  }
  values["compact_time"] = {stats::median(compact)};
  const std::vector<double> own = seconds_of(own_);
  const double between = own_wall_ - std::accumulate(own.begin(), own.end(), 0.0);
  values["harness_time"] = {
      comm_.all_reduce(between / static_cast<double>(own_.size()), comm::Reduce::max)};
  values["n_samples"] = {static_cast<double>(own_.size())};
  values["measured_time"] = {std::accumulate(stride_seconds_.begin(), stride_seconds_.end(), 0.0)};
}

void Measurement::put_throughput(Values& values, const Effort& effort, std::uint64_t seed) const {
  double jets = 0.0;
  double seconds = 0.0;
  for (const Sample& sample : own_) {
    jets += jets_of(sample);
    seconds += sample.seconds;
  }
  values["throughput_rank"] = comm_.all_gather(jets / seconds);
  const double jets_per_stride =
      comm_.all_reduce(jets, comm::Reduce::sum) / static_cast<double>(stride_seconds_.size());
  const auto throughput = [&](std::span<const double> strides) {
    return jets_per_stride * static_cast<double>(strides.size()) /
           std::accumulate(strides.begin(), strides.end(), 0.0);
  };
  stats::Interval interval{not_available, not_available};
  if (static_cast<std::int64_t>(stride_seconds_.size()) >= fewest_for_interval) {
    interval =
        stats::bootstrap_interval(stride_seconds_, throughput, seed, effort.bootstrap_replicas);
  }
  values["throughput"] = {throughput(stride_seconds_)};
  values["throughput_ci_low"] = {interval.low};
  values["throughput_ci_high"] = {interval.high};
}

void Measurement::put_latencies(Values& values) const {
  const auto exits = static_cast<std::size_t>(workload_.exits);
  constexpr std::size_t width = std::size(percentiles);
  values["latency_rank"] = comm_.all_gather(std::span<const double>(latencies(own_, 0, exits)));
  values["latency"] = largest(values["latency_rank"], width);
  std::vector<double> by_exit;
  for (std::size_t exit = 0; exit < exits; ++exit) {
    const std::vector<double> here = latencies(own_, exit, exit + 1);
    by_exit.insert(by_exit.end(), here.begin(), here.end());
  }
  values["latency_exit"] =
      largest(comm_.all_gather(std::span<const double>(by_exit)), by_exit.size());
}

void Measurement::put_work(Values& values) const {
  std::vector<double> sums = left_;
  sums.push_back(flips_);
  sums.push_back(multiply_adds_);
  comm_.all_reduce(std::span<double>(sums), comm::Reduce::sum);
  const double jets = std::accumulate(sums.begin(), sums.end() - 2, 0.0);
  values["multiply_adds_run"] = {sums.back() / jets};
  values["flip_share"] = {sums[sums.size() - 2] / jets};
  for (std::size_t exit = 0; exit < left_.size(); ++exit) {
    values["exit_fraction_run"].push_back(sums[exit] / jets);
  }
  std::vector<std::int64_t> jets_seen;
  for (std::size_t batch = 0; batch < seen_.size(); ++batch) {
    if (seen_[batch]) {
      const std::vector<std::int64_t>& index = workload_.batches[batch].index;
      jets_seen.insert(jets_seen.end(), index.begin(), index.end());
    }
  }
  jets_seen = comm_.all_gather(std::span<const std::int64_t>(jets_seen));
  std::sort(jets_seen.begin(), jets_seen.end());
  const auto distinct = std::unique(jets_seen.begin(), jets_seen.end()) - jets_seen.begin();
  values["jets_run"] = {static_cast<double>(distinct)};
  values["peak_bytes"] = {comm_.all_reduce(peak_bytes_, comm::Reduce::max)};
}

void put_samples(Values& values, std::span<const Sample> samples, std::int64_t kept) {
  const std::size_t count = std::min(samples.size(), static_cast<std::size_t>(kept));
  for (std::size_t i = 0; i < count; ++i) {
    values["sample_time"].push_back(samples[i].seconds);
  }
  for (std::size_t exit = 0; exit < samples.front().leaving.size(); ++exit) {
    for (std::size_t i = 0; i < count; ++i) {
      values["sample_answer_time"].push_back(samples[i].answer_seconds[exit]);
      values["sample_leaving"].push_back(samples[i].leaving[exit]);
    }
  }
}

Values Measurement::values(const Effort& effort, std::uint64_t seed) const {
  Values values;
  const std::vector<double> times = comm_.all_gather(stats::median(seconds_of(own_)));
  const auto rank = std::max_element(times.begin(), times.end()) - times.begin();
  const std::vector<Sample> slowest = samples_of_rank(comm_, own_, static_cast<int>(rank));
  values["batch_time_rank"] = times;
  values["sample_rank"] = {static_cast<double>(rank)};
  put_times(values, slowest);
  put_throughput(values, effort, seed);
  put_latencies(values);
  put_work(values);
  put_samples(values, slowest, effort.kept_samples);
  return values;
}

/// A batch of one jet that takes nothing but a known time.
exec::BatchTrace waiting(double seconds) {
  const auto start = Clock::now();
  while (seconds_since(start) < seconds) {
  }
  exec::BatchTrace trace;
  trace.seconds = seconds_since(start);
  trace.exit_index = {0};
  trace.answer_seconds = {trace.seconds};
  trace.segment_seconds = {trace.seconds};
  trace.head_seconds = {0.0};
  return trace;
}

/// Time that a round of the warm-up should take at least, unless all batches are in it.
constexpr double warmup_round_seconds = 0.1;

/// \collective The same batches again and again until a round is not faster than the fastest
/// before it, within 5 %, or the time is up. Returns whether it came to that.
bool warm_up(const comm::Communicator& comm, Measurement& measurement, const Effort& effort) {
  if (effort.max_warmup_seconds == 0.0) {
    return false;
  }
  const auto start = Clock::now();
  const auto within = [&](double limit) {  // by the root's clock
    return comm.all_reduce(comm.is_root() && seconds_since(start) < limit ? 1.0 : 0.0,
                           comm::Reduce::max) > 0.0;
  };
  std::int64_t round = 0;
  do {
    measurement.run(1);
    ++round;
  } while (round < measurement.pass() && within(warmup_round_seconds));
  double fastest = measurement.seconds_of_last(round);
  bool settled = false;
  do {
    measurement.rewind();
    measurement.run(round);
    const double seconds = measurement.seconds_of_last(round);
    settled = seconds > 0.95 * fastest;
    fastest = std::min(fastest, seconds);
  } while (!settled && within(effort.max_warmup_seconds));
  return settled;
}

}  // namespace

Values measure(const comm::Communicator& comm, const Workload& workload, Scenario scenario,
               const Effort& effort, std::uint64_t seed) {
  Measurement measurement(comm, workload, scenario);
  const auto begin = Clock::now();
  const bool settled = warm_up(comm, measurement, effort);
  const std::int64_t warmed = measurement.restart();

  Stopping stopping(effort, scenario, measurement.pass());
  workload.joules();
  double joules = 0.0;
  const auto start = Clock::now();
  std::int64_t chunk = measurement.stride();
  std::int64_t reason = -1;
  while (reason < 0) {
    double seconds = 0.0;
    std::int64_t verdict = -1;
    for (const double stride : measurement.run(chunk)) {
      verdict = std::max(verdict, stopping.add(stride, seconds_since(start)));
      seconds += stride;
    }
    joules += workload.joules();
    // Only the root's clock counts.
    reason = comm.all_reduce(comm.is_root() ? verdict : std::int64_t{-1}, comm::Reduce::max);
    if (scenario == Scenario::single_stream) {
      const double each = std::max(seconds / static_cast<double>(chunk), 1e-9);
      chunk = std::clamp(static_cast<std::int64_t>(chunk_seconds / each), std::int64_t{1},
                         longest_chunk);
    }
  }
  Values values = measurement.values(effort, seed);
  joules = comm.all_reduce(joules, comm::Reduce::sum);
  values["energy"] = {joules};
  values["jets_per_joule"] = {values["throughput"].front() * values["measured_time"].front() /
                              joules};
  values["warmup_time"] = {
      comm.all_reduce(std::chrono::duration<double>(start - begin).count(), comm::Reduce::max)};
  values["warmup_batches"] = {static_cast<double>(warmed)};
  values["warmup_converged"] = {settled ? 1.0 : 0.0};
  values["stop_reason"] = {static_cast<double>(reason)};
  return values;
}

Values self_test(const comm::Communicator& comm) {
  constexpr double known = 1e-3;
  constexpr Effort effort{.name = "self-test",
                          .max_warmup_seconds = 0.0,
                          .min_samples = 48,
                          .whole_passes = true,
                          .min_seconds = 0.0,
                          .max_seconds = 0.0,
                          .until_precise = false,
                          .kept_samples = 0,
                          .bootstrap_replicas = 0};
  const std::vector<data::JetBatch> batches(16);
  const std::vector<std::vector<std::int32_t>> exits(batches.size(), {0});
  const auto told = [&](double seconds) {
    Values values = measure(comm,
                            {.batches = batches,
                             .replayed = exits,
                             .exits = 1,
                             .run = [&](const data::JetBatch&) { return waiting(seconds); }},
                            Scenario::offline, effort, 0);
    return values["measured_time"].front() / values["n_samples"].front();
  };
  return {{"empty_batch_time", {told(0.0)}},
          {"known_batch_time", {known}},
          {"known_batch_told", {told(known)}}};
}

}  // namespace eebench::bench
