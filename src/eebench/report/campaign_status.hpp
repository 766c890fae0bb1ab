#pragma once

#include <filesystem>
#include <span>
#include <string>

#include "eebench/bench/shard_status.hpp"

namespace eebench::report {

/// Whether every shard has finished, some with failed points perhaps.
bool all_ended(std::span<const bench::ShardStatus> shards);

/// A row a shard, then what is done in all, and which shards to submit again, as lines for sbatch.
std::string status_text(const std::filesystem::path& campaign,
                        std::span<const bench::ShardStatus> shards);

/// The same as an HTML page of its own, which says that it was written at `utc` and, until all have
/// ended, loads itself anew every `reload_seconds` (0: never).
std::string status_page(const std::filesystem::path& campaign,
                        std::span<const bench::ShardStatus> shards, const std::string& utc,
                        int reload_seconds);

}  // namespace eebench::report
