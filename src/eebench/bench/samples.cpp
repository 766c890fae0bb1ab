#include "eebench/bench/samples.hpp"

#include <algorithm>
#include <cmath>

#include "eebench/bench/values.hpp"
#include "eebench/stats/quantile.hpp"

namespace eebench::bench {

Sample sample_of(const exec::BatchTrace& trace, std::int64_t exits) {
  const auto count = static_cast<std::size_t>(exits);
  Sample sample;
  sample.seconds = trace.seconds;
  sample.answer_seconds = trace.answer_seconds;
  sample.answer_seconds.resize(count, not_available);
  sample.leaving.assign(count, 0.0);
  for (const std::int32_t exit : trace.exit_index) {
    sample.leaving[static_cast<std::size_t>(exit)] += 1.0;
  }
  sample.segment_seconds = trace.segment_seconds;
  sample.segment_seconds.resize(count, not_available);
  sample.head_seconds = trace.head_seconds;
  sample.head_seconds.resize(count, not_available);
  sample.compact_seconds = trace.compact_seconds;
  return sample;
}

std::vector<Sample> over_ranks(const comm::Communicator& comm, std::span<const Sample> samples) {
  if (samples.empty()) {
    return {};
  }
  std::vector<Sample> slowest(samples.begin(), samples.end());
  std::vector<double> times;
  std::vector<double> jets;
  const auto visit_times = [](Sample& sample, const auto& visit) {
    visit(sample.seconds);
    visit(sample.compact_seconds);
    for (auto* list : {&sample.answer_seconds, &sample.segment_seconds, &sample.head_seconds}) {
      std::for_each(list->begin(), list->end(), visit);
    }
  };
  // Below every time: a rank where nothing happened has no say in the maximum.
  constexpr double none = -1.0;
  for (Sample& sample : slowest) {
    visit_times(sample, [&](double t) { times.push_back(std::isnan(t) ? none : t); });
    jets.insert(jets.end(), sample.leaving.begin(), sample.leaving.end());
  }
  comm.all_reduce(std::span<double>(times), comm::Reduce::max);
  comm.all_reduce(std::span<double>(jets), comm::Reduce::sum);
  auto time = times.begin();
  auto count = jets.begin();
  for (Sample& sample : slowest) {
    visit_times(sample, [&](double& t) {
      t = *time < 0.0 ? not_available : *time;
      ++time;
    });
    for (double& leaving : sample.leaving) {
      leaving = *count++;
    }
  }
  return slowest;
}

double latency_quantile(std::vector<Weighted> times, double percentile, std::int64_t batches) {
  const double p = percentile / 100.0;
  std::sort(times.begin(), times.end(),
            [](const Weighted& a, const Weighted& b) { return a.seconds < b.seconds; });
  double jets = 0.0;
  for (const Weighted& entry : times) {
    jets += entry.jets;
  }
  if (batches < stats::quantile_floor(p) || !(jets > 0.0)) {
    return not_available;
  }
  const double rank = std::ceil(p * jets - 1e-9);
  double below = 0.0;
  for (const Weighted& entry : times) {
    below += entry.jets;
    if (below >= rank) {
      return entry.seconds;
    }
  }
  return times.back().seconds;
}

}  // namespace eebench::bench
