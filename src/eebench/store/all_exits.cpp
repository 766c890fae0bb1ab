#include "eebench/store/all_exits.hpp"

#include "eebench/comm/share.hpp"

namespace eebench::store {

AllExits all_exits_pass(const comm::Communicator& comm, exec::Executor& executor,
                        const data::ReadJets& read, std::int64_t jets,
                        const std::vector<std::string>& classes, const Advance& advance,
                        std::int64_t batch_size) {
  AllExits result;
  result.exits = executor.exits();
  result.classes = classes;
  const data::ReadJets next =
      data::read_ahead(read, comm::share_of(jets, comm.rank(), comm.size()).end);
  const auto answer = [&](std::int64_t begin, std::int64_t end) {
    const data::JetBatch batch = next(begin, end);
    const std::vector<float> logits = executor.replay(batch);
    result.logits.insert(result.logits.end(), logits.begin(), logits.end());
    result.labels.insert(result.labels.end(), batch.labels.begin(), batch.labels.end());
    for (std::size_t jet = 0; jet < batch.size(); ++jet) {
      result.multiplicity.push_back(static_cast<std::int64_t>(batch.multiplicity(jet)));
      result.jet_pt.push_back(data::transverse_momentum(batch, jet));
    }
  };
  for_each_batch(comm, jets, batch_size, answer, advance);
  return result;
}

AllExits gather(const comm::Communicator& comm, const AllExits& share) {
  AllExits all;
  all.exits = share.exits;
  all.classes = share.classes;
  all.logits = comm.all_gather(std::span<const float>(share.logits));
  all.labels = comm.all_gather(std::span<const std::int64_t>(share.labels));
  all.multiplicity = comm.all_gather(std::span<const std::int64_t>(share.multiplicity));
  all.jet_pt = comm.all_gather(std::span<const float>(share.jet_pt));
  return all;
}

AllExits all_on_root(const comm::Communicator& comm, const AllExits& share) {
  return {.exits = share.exits,
          .classes = share.classes,
          .logits = gather_on_root(comm, share.logits),
          .labels = gather_on_root(comm, share.labels),
          .multiplicity = gather_on_root(comm, share.multiplicity),
          .jet_pt = gather_on_root(comm, share.jet_pt)};
}

exits::Answers answers_of(const AllExits& all, std::span<const double> cost) {
  return {.logits = all.logits,
          .labels = all.labels,
          .multiplicity = all.multiplicity,
          .jet_pt = all.jet_pt,
          .cost = cost,
          .exits = all.exits,
          .classes = static_cast<std::int64_t>(all.classes.size())};
}

}  // namespace eebench::store
