#pragma once

#include <cstdint>
#include <functional>

#include "eebench/comm/communicator.hpp"

namespace eebench::store {

/// Jets [begin, end) of rank `rank` when `jets` are divided evenly, in order.
struct Share {
  std::int64_t begin;
  std::int64_t end;
};
Share share_of(std::int64_t jets, int rank, int ranks);

/// Told how many jets of this rank's share are done, and how many there are.
using Advance = std::function<void(std::int64_t done, std::int64_t all)>;

/// \collective Calls `action` for jets [begin, end) of this rank's share, `batch` at a time. What
/// it throws on one rank is thrown on all.
void for_each_batch(const comm::Communicator& comm, std::int64_t jets, std::int64_t batch,
                    const std::function<void(std::int64_t begin, std::int64_t end)>& action,
                    const Advance& advance);

}  // namespace eebench::store
