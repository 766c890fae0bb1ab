#include "eebench/store/shares.hpp"

#include <algorithm>

#include "eebench/comm/share.hpp"

namespace eebench::store {

void for_each_batch(const comm::Communicator& comm, std::int64_t jets, std::int64_t batch,
                    const std::function<void(std::int64_t begin, std::int64_t end)>& action,
                    const Advance& advance) {
  const comm::Share share = comm::share_of(jets, comm.rank(), comm.size());
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
