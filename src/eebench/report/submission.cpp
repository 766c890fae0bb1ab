#include "eebench/report/submission.hpp"

#include <map>

#include <fmt/format.h>

#include "eebench/bench/manifest.hpp"
#include "eebench/core/shell.hpp"
#include "eebench/sys/resource.hpp"

namespace eebench::report {
namespace {

/// `line(job, shards as in an array)` for each size.
template <class Line>
std::vector<std::string> by_job(std::span<const std::int64_t> shards,
                                std::span<const bench::JobSize> jobs, const Line& line) {
  std::map<bench::JobSize, std::vector<std::int64_t>> own;
  for (const std::int64_t shard : shards) {
    own[jobs[static_cast<std::size_t>(shard)]].push_back(shard);
  }
  std::vector<std::string> lines;
  lines.reserve(own.size());
  for (const auto& [job, numbers] : own) {
    lines.push_back(line(job, bench::array_of(numbers)));
  }
  return lines;
}

}  // namespace

std::vector<std::string> submissions(const std::filesystem::path& campaign,
                                     std::span<const std::int64_t> shards,
                                     std::span<const bench::JobSize> jobs) {
  return by_job(shards, jobs, [&](const bench::JobSize& job, const std::string& array) {
    return fmt::format(
        "sbatch --array={} --nodes={} --ntasks={} --ntasks-per-node={} --cpus-per-task={} {} bench "
        "-o {} --threads {} --resume",
        array, job.nodes, job.ranks, job.ranks / job.nodes, job.threads,
        shell_quoted(sys::find_resource("slurm/eebench.sbatch").string()),
        shell_quoted(campaign.string()), job.threads);
  });
}

std::vector<std::string> commands(const std::filesystem::path& campaign,
                                  std::span<const std::int64_t> shards,
                                  std::span<const bench::JobSize> jobs) {
  return by_job(shards, jobs, [&](const bench::JobSize& job, const std::string& numbers) {
    return fmt::format("i = {}:  mpirun -n {} eebench bench -o {} --threads {} --shard i/{}",
                       numbers, job.ranks, shell_quoted(campaign.string()), job.threads,
                       jobs.size());
  });
}

}  // namespace eebench::report
