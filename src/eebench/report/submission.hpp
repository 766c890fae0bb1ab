#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

#include "eebench/bench/job.hpp"

namespace eebench::report {

/// Lines for Slurm that measure these shards of a campaign, one for each job size. `jobs`: of every
/// shard of the campaign.
std::string submissions(const std::filesystem::path& campaign, std::span<const std::int64_t> shards,
                        std::span<const bench::JobSize> jobs);

}  // namespace eebench::report
