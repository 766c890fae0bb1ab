#include "eebench/bench/shard_status.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "eebench/bench/journal.hpp"
#include "eebench/bench/recorder.hpp"
#include "eebench/bench/task_reader.hpp"
#include "eebench/core/error.hpp"
#include "eebench/sys/files.hpp"

namespace eebench::bench {
namespace {

/// Seconds since the last write into a folder's files; NaN where there are none.
double idle_seconds(const std::filesystem::path& folder) {
  double least = not_available;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    const auto written = entry.last_write_time(error);
    if (!error) {
      const std::chrono::duration<double> since =
          std::filesystem::file_time_type::clock::now() - written;
      least = std::fmin(least, since.count());
    }
  }
  return least;
}

bool can_be_read(const std::filesystem::path& task) {
  try {
    const TaskReader reader(task);
    return true;
  } catch (const Error&) {
    return false;
  }
}

ShardStatus status_of(const CampaignFolder& folder, const Shard& shard, double lost_after) {
  ShardStatus status;
  status.repeat = shard.repeat;
  status.job = shard.job;
  status.points = static_cast<std::int64_t>(shard.points.size());
  status.idle_seconds = idle_seconds(folder.task());
  double seconds = 0.0;
  for (const JournalEntry& entry : Journal(Recorder::journal_file(folder.task())).read()) {
    (entry.ok ? status.ok : status.failed) += 1;
    seconds += entry.seconds;
  }
  status.seconds_per_point = seconds / static_cast<double>(status.ok + status.failed);
  const std::filesystem::path task = folder.task_file();
  const bool ended = std::filesystem::exists(task);
  const bool has_points = status.ok + status.failed > 0;
  if (ended && can_be_read(task)) {
    status.state = status.failed > 0 ? ShardState::failed : ShardState::done;
  } else if (ended || (has_points && !std::filesystem::exists(sys::part_of(task)))) {
    status.state = ShardState::lost;
  } else if (!std::isnan(status.idle_seconds)) {
    status.state = status.idle_seconds > lost_after ? ShardState::lost : ShardState::running;
  }
  return status;
}

}  // namespace

std::vector<ShardStatus> shard_statuses(const std::filesystem::path& campaign,
                                        const Manifest& manifest, double lost_after) {
  std::vector<ShardStatus> statuses;
  CampaignFolder folder{campaign, 0, static_cast<std::int64_t>(manifest.shards.size())};
  double seconds = 0.0;
  double points = 0.0;
  for (const Shard& shard : manifest.shards) {
    const ShardStatus& status = statuses.emplace_back(status_of(folder, shard, lost_after));
    if (!std::isnan(status.seconds_per_point)) {
      const auto finished = static_cast<double>(status.ok + status.failed);
      seconds += status.seconds_per_point * finished;
      points += finished;
    }
    ++folder.shard;
  }
  for (ShardStatus& status : statuses) {
    const auto left = static_cast<double>(status.points - status.ok - status.failed);
    status.seconds_left =
        left * (std::isnan(status.seconds_per_point) ? seconds / points : status.seconds_per_point);
  }
  return statuses;
}

}  // namespace eebench::bench
