#pragma once

#include <cstdint>
#include <string>
#include <tuple>

#include <fmt/format.h>

namespace eebench::bench {

/// What a job is started with.
struct JobSize {
  std::int64_t ranks = 1;    ///< of all nodes together
  std::int64_t threads = 1;  ///< of each rank
  std::int64_t nodes = 1;
  bool operator==(const JobSize&) const = default;
  bool operator<(const JobSize& other) const {
    return std::tie(ranks, threads, nodes) < std::tie(other.ranks, other.threads, other.nodes);
  }
};

/// "4 ranks, 1 thread each, 2 nodes".
inline std::string describe(const JobSize& job) {
  const auto counted = [](std::int64_t count, const char* word) {
    return fmt::format("{} {}{}", count, word, count == 1 ? "" : "s");
  };
  return fmt::format("{}, {} each, {}", counted(job.ranks, "rank"), counted(job.threads, "thread"),
                     counted(job.nodes, "node"));
}

}  // namespace eebench::bench
