#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "eebench/comm/communicator.hpp"
#include "eebench/data/read_ahead.hpp"
#include "eebench/deploy/plan.hpp"
#include "eebench/deploy/stage.hpp"
#include "eebench/store/taken_exits.hpp"

namespace eebench::deploy {

/// What a deployment did. Vectors are [tiers], sums over the ranks of a tier, the same on all
/// ranks.
struct Figures {
  std::vector<double> entered;          ///< jets that the tier was handed
  std::vector<double> runs;             ///< batches that it ran
  std::vector<double> answered;         ///< jets that left there
  std::vector<double> answer_batches;   ///< batches at their origin with such jets
  std::vector<double> sent_bytes;       ///< with jets to the next tier
  std::vector<double> answer_bytes;     ///< with answers to the first tier
  std::vector<double> compute_seconds;  ///< in stem, segments, heads and decisions
  std::vector<double> blocked_seconds;  ///< with jets that the next tier had no room for
  double seconds = 0.0;                 ///< from the common start to the last answer
};

/// This rank's part of it.
struct Deployment {
  store::TakenExits share;      ///< as of store::leaving_pass; empty but in the first tier
  std::vector<double> latency;  ///< [jets] s, hand-over of the batch to the jet's answer
  Figures figures;
};

/// Told what this rank does.
struct Hooks {
  /// Before a batch and after answers: how many of the jets that it reads are answered, and how
  /// many there are.
  store::Advance working = [](std::int64_t, std::int64_t) {};
  std::function<void()> waiting = [] {};  ///< until others send something
};

/// \collective Runs `jets` jets of a data set through the tiers of a plan. Each rank of the first
/// one reads its share, hands over batch after batch as fast as it can and gets the answers; the
/// jets are divided as by store::leaving_pass over as many ranks. `stage`: of this rank's tier.
Deployment run(const comm::Communicator& comm, const Plan& plan, Stage& stage,
               const data::ReadJets& read, std::int64_t jets,
               const std::vector<std::string>& classes, const Hooks& hooks = {});

}  // namespace eebench::deploy
