#include "eebench/store/shares.hpp"

#include <algorithm>
#include <memory>
#include <numeric>
#include <utility>

#include "eebench/data/jet_source.hpp"

namespace eebench::store {

Share share_of(std::int64_t jets, int rank, int ranks) {
  return {jets * rank / ranks, jets * (rank + 1) / ranks};
}

ReadJets read_ahead(ReadJets read, std::int64_t last) {
  constexpr std::int64_t jets_per_read = 4096;
  struct Held {
    std::int64_t begin = 0;
    std::int64_t end = 0;
    data::JetBatch jets;
  };
  return [read = std::move(read), last, held = std::make_shared<Held>()](std::int64_t begin,
                                                                         std::int64_t end) {
    if (begin < held->begin || end > held->end) {
      held->begin = held->end = begin;
      const std::int64_t until = std::max(end, std::min(begin + jets_per_read, last));
      held->jets = read(begin, until);
      held->end = until;
    }
    std::vector<std::int64_t> positions(static_cast<std::size_t>(end - begin));
    std::iota(positions.begin(), positions.end(), begin - held->begin);
    return data::select(held->jets, positions);
  };
}

void for_each_batch(const comm::Communicator& comm, std::int64_t jets, std::int64_t batch,
                    const std::function<void(std::int64_t begin, std::int64_t end)>& action,
                    const Advance& advance) {
  const Share share = share_of(jets, comm.rank(), comm.size());
  // All ranks make as many steps as the largest share needs, so that each step can be agreed on.
  const std::int64_t largest = (jets + comm.size() - 1) / comm.size();
  for (std::int64_t done = 0; done < largest; done += batch) {
    const std::int64_t begin = std::min(share.begin + done, share.end);
    const std::int64_t end = std::min(begin + batch, share.end);
    comm.agree([&] {
      if (begin < end) {
        action(begin, end);
      }
    });
    if (advance) {
      advance(end - share.begin, share.end - share.begin);
    }
  }
}

}  // namespace eebench::store
