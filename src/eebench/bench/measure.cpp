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

/// Decides on rank 0 whether to go on.
class Stopping {
 public:
  Stopping(const Effort& effort, std::int64_t pass)
      : effort_(effort),
        fewest_(std::max(effort.min_samples, effort.name == "smoke" ? 1 : pass)),
        precise_({fewest_, effort.min_seconds, effort.max_seconds}) {}

  /// Index into stop_reasons, or -1 to go on.
  std::int64_t add(double seconds, double wall_seconds) {
    ++samples_;
    seconds_ += seconds;
    if (effort_.until_precise) {
      switch (precise_.add(seconds, wall_seconds)) {
        case stats::StopReason::none:
          return -1;
        case stats::StopReason::converged:
          return 0;
        case stats::StopReason::noise_stable:
          return 1;
        case stats::StopReason::timeout:
          return 2;
      }
    }
    return samples_ >= fewest_ && seconds_ >= effort_.min_seconds ? 3 : -1;
  }

 private:
  const Effort& effort_;
  std::int64_t fewest_;
  stats::MedianIntervalCriterion precise_;
  std::int64_t samples_ = 0;
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
  /// Batches that ranks hand over without waiting for each other.
  std::int64_t stride() const { return scenario_ == Scenario::offline ? pass() : 1; }

  /// \collective `count` batches on every rank. Returns the samples over ranks.
  std::vector<Sample> run(std::int64_t count) {
    std::vector<Sample> samples;
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
            samples.push_back(run_one(which));
            continue;
          } catch (...) {
            error = std::current_exception();
          }
        }
        samples.push_back(sample_of({}, workload_.exits));
      }
      strides.push_back(seconds_since(start));
    }
    comm_.agree([&] {
      if (error) {
        std::rethrow_exception(error);
      }
    });
    own_.insert(own_.end(), samples.begin(), samples.end());
    comm_.all_reduce(std::span<double>(strides), comm::Reduce::max);
    stride_seconds_.insert(stride_seconds_.end(), strides.begin(), strides.end());
    const std::vector<Sample> slowest = over_ranks(comm_, samples);
    slowest_.insert(slowest_.end(), slowest.begin(), slowest.end());
    return slowest;
  }

  /// Forgets the times so far; what the exits showed stays.
  std::int64_t restart() {
    const auto warmed = static_cast<std::int64_t>(own_.size());
    own_.clear();
    slowest_.clear();
    stride_seconds_.clear();
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

  void put_times(Values& values) const;
  void put_latencies(Values& values) const;
  void put_work(Values& values) const;
  void put_samples(Values& values, std::int64_t kept) const;

  const comm::Communicator& comm_;
  const Workload& workload_;
  Scenario scenario_;
  std::size_t next_ = 0;
  std::vector<Sample> own_;
  std::vector<Sample> slowest_;
  std::vector<double> stride_seconds_;
  std::vector<bool> seen_;    // of the distinct batches, for what does not depend on time
  std::vector<double> left_;  // [exits] jets of the distinct batches
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

/// [percentiles] over the jets that leave at the exits [first, last).
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
    result.push_back(latency_quantile(times, percentile, batches));
  }
  return result;
}

/// Largest entry of each column over rows of `width`; NaN where every row is NaN.
std::vector<double> largest(std::span<const double> rows, std::size_t width) {
  std::vector<double> result(width, not_available);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    result[i % width] = std::fmax(result[i % width], rows[i]);
  }
  return result;
}

void Measurement::put_times(Values& values) const {
  const std::vector<double> seconds = seconds_of(slowest_);
  const stats::Interval interval = stats::median_interval(seconds);
  values["batch_time"] = {stats::median(seconds)};
  values["batch_time_ci_low"] = {interval.low};
  values["batch_time_ci_high"] = {interval.high};
  values["batch_time_rank"] = comm_.all_gather(stats::median(seconds_of(own_)));
  values["segment_time"] = medians(slowest_, &Sample::segment_seconds);
  values["head_time"] = medians(slowest_, &Sample::head_seconds);
  std::vector<double> compact;
  for (const Sample& sample : slowest_) {
    compact.push_back(sample.compact_seconds);
  }
  values["compact_time"] = {stats::median(compact)};
  values["n_samples"] = {static_cast<double>(own_.size())};
  values["measured_time"] = {std::accumulate(seconds.begin(), seconds.end(), 0.0)};
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

void Measurement::put_samples(Values& values, std::int64_t kept) const {
  const std::size_t count = std::min(slowest_.size(), static_cast<std::size_t>(kept));
  const auto exits = static_cast<std::size_t>(workload_.exits);
  for (std::size_t i = 0; i < count; ++i) {
    values["sample_time"].push_back(slowest_[i].seconds);
  }
  for (std::size_t exit = 0; exit < exits; ++exit) {
    for (std::size_t i = 0; i < count; ++i) {
      values["sample_answer_time"].push_back(slowest_[i].answer_seconds[exit]);
      values["sample_leaving"].push_back(slowest_[i].leaving[exit]);
    }
  }
}

Values Measurement::values(const Effort& effort, std::uint64_t seed) const {
  Values values;
  put_times(values);
  put_latencies(values);
  put_work(values);
  put_samples(values, effort.kept_samples);

  double jets = 0.0;
  for (const Sample& sample : slowest_) {
    jets += std::accumulate(sample.leaving.begin(), sample.leaving.end(), 0.0);
  }
  const double jets_per_stride = jets / static_cast<double>(stride_seconds_.size());
  const auto throughput = [&](std::span<const double> strides) {
    return jets_per_stride * static_cast<double>(strides.size()) /
           std::accumulate(strides.begin(), strides.end(), 0.0);
  };
  const stats::Interval interval =
      stats::bootstrap_interval(stride_seconds_, throughput, seed, effort.bootstrap_replicas);
  values["throughput"] = {throughput(stride_seconds_)};
  values["throughput_ci_low"] = {interval.low};
  values["throughput_ci_high"] = {interval.high};
  return values;
}

/// A warm-up takes this long at least, or one pass over the batches: one batch that is not faster
/// than the one before says little, above all where a batch is one jet.
constexpr double min_warmup_seconds = 0.2;

/// \collective Until a batch takes no less time than those before, within 5 %, or the time is up.
void warm_up(const comm::Communicator& comm, Measurement& measurement, const Effort& effort) {
  const auto start = Clock::now();
  double fastest = std::numeric_limits<double>::infinity();
  bool go_on = effort.max_warmup_seconds > 0.0;
  for (std::int64_t batches = 1; go_on; ++batches) {
    const double seconds = measurement.run(1).front().seconds;
    const double elapsed = seconds_since(start);
    const bool settled = seconds > 0.95 * fastest &&
                         (elapsed >= min_warmup_seconds || batches >= measurement.pass());
    fastest = std::min(fastest, seconds);
    const bool root_goes_on = !settled && elapsed < effort.max_warmup_seconds;
    go_on = comm.all_reduce(comm.is_root() && root_goes_on ? 1.0 : 0.0, comm::Reduce::max) > 0.0;
  }
}

}  // namespace

Values measure(const comm::Communicator& comm, const Workload& workload, Scenario scenario,
               const Effort& effort, std::uint64_t seed) {
  Measurement measurement(comm, workload, scenario);
  warm_up(comm, measurement, effort);
  const std::int64_t warmed = measurement.restart();

  Stopping stopping(effort, measurement.pass());
  const auto start = Clock::now();
  std::int64_t chunk = measurement.stride();
  std::int64_t reason = -1;
  while (reason < 0) {
    const std::vector<Sample> samples = measurement.run(chunk);
    // Every rank holds the same samples, but only the root's clock counts.
    double seconds = 0.0;
    std::int64_t verdict = -1;
    for (const Sample& sample : samples) {
      verdict = std::max(verdict, stopping.add(sample.seconds, seconds_since(start)));
      seconds += sample.seconds;
    }
    reason = comm.all_reduce(comm.is_root() ? verdict : std::int64_t{-1}, comm::Reduce::max);
    if (scenario == Scenario::single_stream) {
      const double each = std::max(seconds / static_cast<double>(chunk), 1e-9);
      chunk = std::clamp(static_cast<std::int64_t>(chunk_seconds / each), std::int64_t{1},
                         longest_chunk);
    }
  }
  Values values = measurement.values(effort, seed);
  values["warmup_batches"] = {static_cast<double>(warmed)};
  values["stop_reason"] = {static_cast<double>(reason)};
  return values;
}

}  // namespace eebench::bench
