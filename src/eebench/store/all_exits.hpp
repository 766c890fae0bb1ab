#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "eebench/comm/communicator.hpp"
#include "eebench/data/read_ahead.hpp"
#include "eebench/exec/executor.hpp"
#include "eebench/exits/replay.hpp"
#include "eebench/store/shares.hpp"

namespace eebench::store {

/// What every exit says of every jet. Exit rules of any kind are replayed from it.
struct AllExits {
  std::int64_t exits = 0;
  std::vector<std::string> classes;            ///< names
  std::vector<float> logits;                   ///< [jets, exits, classes]
  std::vector<std::int64_t> labels;            ///< [jets]
  std::vector<std::int64_t> multiplicity;      ///< [jets] constituents the network sees
  std::vector<float> jet_pt;                   ///< [jets] GeV, of the summed constituents
  exits::EmbeddingScores scores;               ///< of the rules that the pass was given
  std::vector<std::vector<float>> embeddings;  ///< [exits - 1] of [jets, E], or not kept
  std::int64_t jets() const { return static_cast<std::int64_t>(labels.size()); }
};

/// What becomes of embeddings, which are large: the scores of rules that look at them are kept,
/// themselves only where asked.
struct OfEmbeddings {
  std::vector<exits::Rule> scored_by = {};
  bool kept = false;
};

/// \collective Runs every exit on the first `jets` jets of a data set, each rank on its share, in
/// batches of `batch`. Returns this rank's share; 10^8 jets of three exits and ten classes take
/// 14 GB, over all ranks together. `read` is asked for more than a batch at once.
AllExits all_exits_pass(const comm::Communicator& comm, exec::Executor& executor,
                        const data::ReadJets& read, std::int64_t jets,
                        const std::vector<std::string>& classes, const Advance& advance = {},
                        const OfEmbeddings& of_embeddings = {}, std::int64_t batch = 64);

/// \collective Every rank's share, in order, on every rank, so that ranks can replay rules in
/// parallel: each holds 4 bytes times jets, exits and classes, 1.2 GB for 10^7 jets of three exits.
/// Without embeddings.
AllExits gather(const comm::Communicator& comm, const AllExits& share);

/// \collective The same on the root alone, with embeddings; the others get no jets.
AllExits all_on_root(const comm::Communicator& comm, const AllExits& share);

/// What a rule is replayed on; a view of `all`. `cost`: as in exits::Answers.
exits::Answers answers_of(const AllExits& all, std::span<const double> cost = {});

}  // namespace eebench::store
