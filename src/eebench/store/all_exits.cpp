#include "eebench/store/all_exits.hpp"

#include <utility>

#include "eebench/comm/share.hpp"

namespace eebench::store {
namespace {

AllExits no_jets(std::int64_t exits, const std::vector<std::string>& classes) {
  AllExits result;
  result.exits = exits;
  result.classes = classes;
  return result;
}

template <class T>
void append(std::vector<T>& all, const std::vector<T>& part) {
  all.insert(all.end(), part.begin(), part.end());
}

}  // namespace

AllExits all_exits_pass(const comm::Communicator& comm, exec::Executor& executor,
                        const data::ReadJets& read, std::int64_t jets,
                        const std::vector<std::string>& classes, const Advance& advance,
                        const OfEmbeddings& of_embeddings, std::int64_t batch_size) {
  AllExits result = no_jets(executor.exits(), classes);
  for (const exits::Rule& rule : of_embeddings.scored_by) {
    result.scores.emplace(rule.embedding_rule, std::vector<float>());
  }
  if (of_embeddings.kept) {
    result.embeddings.resize(static_cast<std::size_t>(result.exits - 1));
  }
  const data::ReadJets next =
      data::read_ahead(read, comm::share_of(jets, comm.rank(), comm.size()).end);
  const auto answer = [&](std::int64_t begin, std::int64_t end) {
    const data::JetBatch batch = next(begin, end);
    exec::EveryExit said = executor.replay(batch);
    AllExits part = no_jets(result.exits, classes);
    part.logits = std::move(said.logits);
    part.labels = batch.labels;
    for (std::size_t jet = 0; jet < batch.size(); ++jet) {
      part.multiplicity.push_back(static_cast<std::int64_t>(batch.multiplicity(jet)));
      part.jet_pt.push_back(data::transverse_momentum(batch, jet));
    }
    part.embeddings = std::move(said.embeddings);
    for (const exits::Rule& rule : of_embeddings.scored_by) {
      append(result.scores.find(rule.embedding_rule)->second,
             exits::decide(rule, answers_of(part)).scores);
    }
    append(result.logits, part.logits);
    append(result.labels, part.labels);
    append(result.multiplicity, part.multiplicity);
    append(result.jet_pt, part.jet_pt);
    for (std::size_t exit = 0; exit < result.embeddings.size(); ++exit) {
      append(result.embeddings[exit], part.embeddings[exit]);
    }
  };
  for_each_batch(comm, jets, batch_size, answer, advance);
  return result;
}

AllExits gather(const comm::Communicator& comm, const AllExits& share) {
  AllExits all = no_jets(share.exits, share.classes);
  all.logits = comm.all_gather(std::span<const float>(share.logits));
  all.labels = comm.all_gather(std::span<const std::int64_t>(share.labels));
  all.multiplicity = comm.all_gather(std::span<const std::int64_t>(share.multiplicity));
  all.jet_pt = comm.all_gather(std::span<const float>(share.jet_pt));
  for (const auto& [rule, scores] : share.scores) {
    all.scores[rule] = comm.all_gather(std::span<const float>(scores));
  }
  return all;
}

AllExits all_on_root(const comm::Communicator& comm, const AllExits& share) {
  AllExits all = no_jets(share.exits, share.classes);
  all.logits = gather_on_root(comm, share.logits);
  all.labels = gather_on_root(comm, share.labels);
  all.multiplicity = gather_on_root(comm, share.multiplicity);
  all.jet_pt = gather_on_root(comm, share.jet_pt);
  for (const auto& [rule, scores] : share.scores) {
    all.scores[rule] = gather_on_root(comm, scores);
  }
  for (const std::vector<float>& embedding : share.embeddings) {
    all.embeddings.push_back(gather_on_root(comm, embedding));
  }
  return all;
}

exits::Answers answers_of(const AllExits& all, std::span<const double> cost) {
  return {.logits = all.logits,
          .labels = all.labels,
          .multiplicity = all.multiplicity,
          .jet_pt = all.jet_pt,
          .cost = cost,
          .exits = all.exits,
          .classes = static_cast<std::int64_t>(all.classes.size()),
          .embeddings = all.embeddings,
          .scores = &all.scores};
}

}  // namespace eebench::store
