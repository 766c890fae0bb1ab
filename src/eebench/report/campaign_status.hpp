#pragma once

#include <filesystem>
#include <span>
#include <string>

#include "eebench/bench/shard_status.hpp"

namespace eebench::report {

/// A row a shard, then what is done in all, and which shards to submit again, as lines for sbatch.
std::string status_text(const std::filesystem::path& campaign,
                        std::span<const bench::ShardStatus> shards);

}  // namespace eebench::report
