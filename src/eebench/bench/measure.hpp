#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "eebench/bench/effort.hpp"
#include "eebench/bench/suite.hpp"
#include "eebench/bench/values.hpp"
#include "eebench/comm/communicator.hpp"
#include "eebench/data/jet_batch.hpp"
#include "eebench/exec/executor.hpp"

namespace eebench::bench {

/// Why sampling ended; the values of the enumeration `stop_reason`.
inline constexpr std::string_view stop_reasons[] = {"converged", "timeout", "budget"};

/// One way of running batches, to be timed.
struct Workload {
  std::span<const data::JetBatch> batches;  ///< of this rank; the same number on every rank
  /// [batches] exit that each jet takes in the replay.
  std::span<const std::vector<std::int32_t>> replayed;
  std::int64_t exits = 0;
  std::function<exec::BatchTrace(const data::JetBatch&)> run;
  /// Energy drawn since the last call, J, that this rank counts: over all ranks each counter of all
  /// nodes once. NaN where it cannot be read.
  std::function<double()> joules = [] { return not_available; };
};

/// \collective Runs the batches round and round until rank 0 says that it is enough, and returns
/// every variable marked `measured`, the same on every rank. A sample is one batch. An error of any
/// rank is thrown on all of them.
Values measure(const comm::Communicator& comm, const Workload& workload, Scenario scenario,
               const Effort& effort, std::uint64_t seed);

/// \collective What measure() itself costs and how well it tells a time that is known: the
/// variables empty_batch_time, known_batch_time and known_batch_told. Takes a tenth of a second.
Values self_test(const comm::Communicator& comm);

}  // namespace eebench::bench
