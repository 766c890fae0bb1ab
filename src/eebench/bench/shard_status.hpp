#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "eebench/bench/manifest.hpp"
#include "eebench/core/names.hpp"

namespace eebench::bench {

enum class ShardState {
  waiting,  ///< nothing of it on disk
  running,  ///< begun, and something was written lately
  lost,     ///< begun, and nothing was written for long, or its file is gone or damaged
  failed,   ///< finished, but some of its points failed
  done
};

inline constexpr std::array<Named<ShardState>, 5> shard_state_names = {
    {{ShardState::waiting, "waiting"},
     {ShardState::running, "running"},
     {ShardState::lost, "lost"},
     {ShardState::failed, "failed"},
     {ShardState::done, "done"}}};

/// Where a shard stands, from its journal and its files: nobody is asked, so that it can be looked
/// at from anywhere while it runs.
struct ShardStatus {
  std::int64_t repeat = 0;
  JobSize job;
  std::int64_t points = 0;
  ShardState state = ShardState::waiting;
  std::int64_t ok = 0;
  std::int64_t failed = 0;
  double seconds_per_point = not_available;
  double idle_seconds = not_available;  ///< since something was written; NaN for nothing
  /// For the points that are left.
  double seconds_left = not_available;
};

/// All shards of a campaign. One that was begun and wrote nothing for `lost_after` seconds is lost:
/// whether its processes live cannot be known from files. Where a shard has no finished point, the
/// mean of the others tells what is left of it.
std::vector<ShardStatus> shard_statuses(const std::filesystem::path& campaign,
                                        const Manifest& manifest, double lost_after);

}  // namespace eebench::bench
