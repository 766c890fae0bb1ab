#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "eebench/bench/job.hpp"

namespace eebench::report {

/// Commands for Slurm that measure these shards of a campaign, one for each job size. `jobs`: of
/// every shard of the campaign.
std::vector<std::string> submissions(const std::filesystem::path& campaign,
                                     std::span<const std::int64_t> shards,
                                     std::span<const bench::JobSize> jobs);

/// The same by hand, i standing for the number of a shard: "i = 0-3:  mpirun ...".
std::vector<std::string> commands(const std::filesystem::path& campaign,
                                  std::span<const std::int64_t> shards,
                                  std::span<const bench::JobSize> jobs);

}  // namespace eebench::report
