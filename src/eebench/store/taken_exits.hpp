#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "eebench/comm/communicator.hpp"
#include "eebench/exec/executor.hpp"
#include "eebench/exits/rule.hpp"
#include "eebench/store/all_exits.hpp"

namespace eebench::store {

/// What a network says of jets that really leave it early.
struct TakenExits {
  std::int64_t exits = 0;
  std::vector<std::string> classes;      ///< names
  std::vector<float> logits;             ///< [jets, classes] of the exit that each jet took
  std::vector<std::int64_t> exit_index;  ///< [jets]
  std::vector<std::int64_t> labels;      ///< [jets]
  std::int64_t jets() const { return static_cast<std::int64_t>(labels.size()); }
};

/// \collective Runs the first `jets` jets of a data set, each rank its share, in batches of
/// `batch`; `thresholds`: [exits - 1]. Returns this rank's share.
TakenExits leaving_pass(const comm::Communicator& comm, exec::Executor& executor,
                        const data::ReadJets& read, std::int64_t jets,
                        const std::vector<std::string>& classes, const exits::Rule& rule,
                        std::span<const double> thresholds, const Advance& advance,
                        std::int64_t batch);

}  // namespace eebench::store
