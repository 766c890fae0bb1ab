#pragma once

#include <cstdint>

namespace eebench::comm {

/// Jets [begin, end) of one rank.
struct Share {
  std::int64_t begin;
  std::int64_t end;
};

/// Of `jets` divided evenly over ranks, in order.
inline Share share_of(std::int64_t jets, int rank, int ranks) {
  return {jets * rank / ranks, jets * (rank + 1) / ranks};
}

}  // namespace eebench::comm
