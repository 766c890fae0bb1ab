#include "eebench/report/campaign_status.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include <fmt/format.h>

#include "eebench/core/shell.hpp"
#include "eebench/report/submission.hpp"
#include "eebench/report/table.hpp"

namespace eebench::report {
namespace {

using bench::ShardState;

/// "02:10" hours and minutes; empty for NaN.
std::string duration(double seconds) {
  if (std::isnan(seconds)) {
    return "";
  }
  const auto minutes = static_cast<std::int64_t>(std::ceil(seconds / 60.0));
  return fmt::format("{:02}:{:02}", minutes / 60, minutes % 60);
}

std::vector<std::int64_t> shards_that_are(std::span<const bench::ShardStatus> shards,
                                          std::span<const ShardState> states) {
  std::vector<std::int64_t> places;
  for (std::size_t i = 0; i < shards.size(); ++i) {
    if (std::find(states.begin(), states.end(), shards[i].state) != states.end()) {
      places.push_back(static_cast<std::int64_t>(i));
    }
  }
  return places;
}

Table status_table(std::span<const bench::ShardStatus> shards) {
  Table table;
  table.columns = {{"shard", "", {}},       {"job", "", {}, true}, {"repeat", "", {}},
                   {"state", "", {}, true}, {"measured", "", {}},  {"failed", "", {}},
                   {"points", "", {}},      {"s a point", "", {}}, {"silent", "h:min", {}},
                   {"eta", "h:min", {}}};
  for (std::size_t i = 0; i < shards.size(); ++i) {
    const bench::ShardStatus& shard = shards[i];
    const bool is_open = shard.state == ShardState::running || shard.state == ShardState::lost;
    const std::string cells[] = {
        std::to_string(i),
        describe(shard.job),
        std::to_string(shard.repeat),
        std::string(
            name_of(std::span<const Named<ShardState>>(bench::shard_state_names), shard.state)),
        std::to_string(shard.ok),
        std::to_string(shard.failed),
        std::to_string(shard.points),
        number(shard.seconds_per_point),
        is_open ? duration(shard.idle_seconds) : "",
        shard.state == ShardState::running ? duration(shard.seconds_left) : ""};
    for (std::size_t column = 0; column < table.columns.size(); ++column) {
      table.columns[column].cells.push_back(cells[column]);
    }
  }
  return table;
}

}  // namespace

std::string status_text(const std::filesystem::path& campaign,
                        std::span<const bench::ShardStatus> shards) {
  std::int64_t ok = 0;
  std::int64_t failed = 0;
  std::int64_t points = 0;
  for (const bench::ShardStatus& shard : shards) {
    ok += shard.ok;
    failed += shard.failed;
    points += shard.points;
  }
  std::string text = to_markdown(status_table(shards)) + "\n";
  text += fmt::format("{} of {} points measured, {} failed\n", ok, points, failed);
  std::vector<bench::JobSize> jobs;
  std::transform(shards.begin(), shards.end(), std::back_inserter(jobs),
                 [](const bench::ShardStatus& shard) { return shard.job; });
  const auto again = shards_that_are(shards, std::vector{ShardState::lost, ShardState::failed});
  if (!again.empty()) {
    text += "Submit again (lost or failed):\n" + submissions(campaign, again, jobs);
  }
  const auto waiting = shards_that_are(shards, std::vector{ShardState::waiting});
  if (!waiting.empty()) {
    text += "Not begun:\n" + submissions(campaign, waiting, jobs);
  }
  const auto open = shards_that_are(shards, std::vector{ShardState::running, ShardState::lost});
  if (ok + failed == points && open.empty()) {
    text += fmt::format("All done: eebench merge {}\n", shell_quoted(campaign.string()));
  }
  return text;
}

}  // namespace eebench::report
