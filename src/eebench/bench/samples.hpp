#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "eebench/comm/communicator.hpp"
#include "eebench/exec/executor.hpp"

namespace eebench::bench {

/// What is kept of a timed batch.
struct Sample {
  double seconds = 0.0;
  std::vector<double> answer_seconds;  ///< [exits] NaN where no jet left
  std::vector<double> leaving;         ///< [exits] jets
  std::vector<double> segment_seconds;
  std::vector<double> head_seconds;
  double compact_seconds = 0.0;
};

/// `exits`: [exits] of the network.
Sample sample_of(const exec::BatchTrace& trace, std::int64_t exits);

/// \collective The samples of one rank, on every rank. Every rank gives the same number of them.
std::vector<Sample> samples_of_rank(const comm::Communicator& comm, std::span<const Sample> samples,
                                    int rank);

/// A time and how many jets waited that long.
struct Weighted {
  double seconds;
  double jets;
};

/// Nearest-rank quantile of the jets' times; NaN below the floor of batches for that percentile.
double latency_quantile(std::vector<Weighted> times, double percentile, std::int64_t batches);

}  // namespace eebench::bench
