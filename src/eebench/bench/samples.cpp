#include "eebench/bench/samples.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>

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

std::vector<Sample> samples_of_rank(const comm::Communicator& comm, std::span<const Sample> samples,
                                    int rank) {
  std::vector<Sample> theirs(samples.begin(), samples.end());
  const auto visit = [&](const auto& action) {
    for (Sample& sample : theirs) {
      action(sample.seconds);
      action(sample.compact_seconds);
      for (auto* list : {&sample.answer_seconds, &sample.leaving, &sample.segment_seconds,
                         &sample.head_seconds}) {
        std::for_each(list->begin(), list->end(), action);
      }
    }
  };
  std::vector<double> numbers;
  visit([&](double number) { numbers.push_back(number); });
  comm.broadcast(std::as_writable_bytes(std::span(numbers)), rank);
  auto next = numbers.begin();
  visit([&](double& number) { number = *next++; });
  return theirs;
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
