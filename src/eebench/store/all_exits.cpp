#include "eebench/store/all_exits.hpp"

#include <algorithm>
#include <cmath>

namespace eebench::store {
namespace {

float transverse_momentum(const data::JetBatch& batch, std::size_t jet) {
  double x = 0.0;
  double y = 0.0;
  const auto begin = static_cast<std::size_t>(batch.offsets[jet]);
  const auto end = static_cast<std::size_t>(batch.offsets[jet + 1]);
  for (std::size_t particle = begin; particle < end; ++particle) {
    x += batch.vectors[4 * particle];
    y += batch.vectors[4 * particle + 1];
  }
  return static_cast<float>(std::hypot(x, y));
}

}  // namespace

Share share_of(std::int64_t jets, int rank, int ranks) {
  return {jets * rank / ranks, jets * (rank + 1) / ranks};
}

AllExits all_exits_pass(const comm::Communicator& comm, exec::Executor& executor,
                        const ReadJets& read, std::int64_t jets,
                        const std::vector<std::string>& classes, const Advance& advance,
                        std::int64_t batch_size) {
  const Share share = share_of(jets, comm.rank(), comm.size());
  AllExits result;
  result.exits = executor.exits();
  result.classes = classes;
  // All ranks make as many steps as the largest share needs, so that each step can be agreed on.
  const std::int64_t largest = (jets + comm.size() - 1) / comm.size();
  for (std::int64_t done = 0; done < largest; done += batch_size) {
    const std::int64_t begin = std::min(share.begin + done, share.end);
    const std::int64_t end = std::min(begin + batch_size, share.end);
    comm.agree([&] {
      if (begin == end) {
        return;
      }
      const data::JetBatch batch = read(begin, end);
      const std::vector<float> logits = executor.replay(batch);
      result.logits.insert(result.logits.end(), logits.begin(), logits.end());
      result.labels.insert(result.labels.end(), batch.labels.begin(), batch.labels.end());
      for (std::size_t jet = 0; jet < batch.size(); ++jet) {
        result.multiplicity.push_back(static_cast<std::int64_t>(batch.multiplicity(jet)));
        result.jet_pt.push_back(transverse_momentum(batch, jet));
      }
    });
    if (advance) {
      advance(end - share.begin, share.end - share.begin);
    }
  }
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

}  // namespace eebench::store
