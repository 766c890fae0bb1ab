#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "eebench/comm/communicator.hpp"

namespace eebench::store {

/// Every rank's values, in order, on the root; nothing on the others, which hold one more share for
/// a moment. \collective
template <class T>
std::vector<T> gather_on_root(const comm::Communicator& comm, const std::vector<T>& share) {
  std::vector<T> all;
  const std::vector<std::int64_t> sizes = comm.all_gather(static_cast<std::int64_t>(share.size()));
  for (int rank = 0; rank < comm.size(); ++rank) {
    std::vector<T> part(static_cast<std::size_t>(sizes[static_cast<std::size_t>(rank)]));
    if (rank == comm.rank()) {
      part = share;
    }
    comm.broadcast(std::as_writable_bytes(std::span(part)), rank);
    if (comm.is_root()) {
      all.insert(all.end(), part.begin(), part.end());
    }
  }
  return all;
}

/// Told how many jets of this rank's share are done, and how many there are.
using Advance = std::function<void(std::int64_t done, std::int64_t all)>;

/// \collective Calls `action` for jets [begin, end) of this rank's share, `batch` at a time. What
/// it throws on one rank is thrown on all.
void for_each_batch(const comm::Communicator& comm, std::int64_t jets, std::int64_t batch,
                    const std::function<void(std::int64_t begin, std::int64_t end)>& action,
                    const Advance& advance);

}  // namespace eebench::store
