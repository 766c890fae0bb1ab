#include "eebench/report/submission.hpp"

#include <map>

#include <fmt/format.h>

#include "eebench/bench/manifest.hpp"
#include "eebench/core/shell.hpp"
#include "eebench/sys/resource.hpp"

namespace eebench::report {

std::vector<std::string> submissions(const std::filesystem::path& campaign,
                                     std::span<const std::int64_t> shards,
                                     std::span<const bench::JobSize> jobs) {
  std::map<bench::JobSize, std::vector<std::int64_t>> by_job;
  for (const std::int64_t shard : shards) {
    by_job[jobs[static_cast<std::size_t>(shard)]].push_back(shard);
  }
  std::vector<std::string> commands;
  for (const auto& [job, own] : by_job) {
    commands.push_back(fmt::format(
        "sbatch --array={} --nodes={} --ntasks={} --cpus-per-task={} {} bench -o {} --threads "
        "{} --resume",
        bench::array_of(own), job.nodes, job.ranks, job.threads,
        shell_quoted(sys::find_resource("slurm/eebench.sbatch").string()),
        shell_quoted(campaign.string()), job.threads));
  }
  return commands;
}

}  // namespace eebench::report
