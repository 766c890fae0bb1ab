#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace eebench::sys {

/// The machine under this process, as far as it tells.
struct Hardware {
  std::string host;
  std::string cpu;                       ///< model name
  std::vector<std::int64_t> processors;  ///< numbers of the logical processors this process may use
  std::string governor;                  ///< frequency governor, "unknown" in most virtual machines
  std::vector<std::string> instruction_sets;  ///< those that matter for arithmetic, e.g. "avx2"
  std::uint64_t memory_bytes = 0;
};

Hardware hardware();

using Variables = std::vector<std::pair<std::string, std::string>>;

/// Variables of the environment that steer a measurement (NCCL_*, OMPI_MCA_*, UCX_*, CUDA_*,
/// HDF5_*, OMP_*, and Slurm's job, array, task, restart count, partition and nodes), in
/// alphabetical order. Not the whole environment: that would put people's tokens into result files.
Variables recorded_environment();

/// The same from given "NAME=value" entries.
Variables recorded_environment(std::span<const std::string_view> entries);

/// Processes that wanted a core, mean of the last minute; NaN where the system does not tell.
double load_average();

/// Bytes that this process was given by reads of files so far, those in the page cache too; NaN
/// where the system does not count them.
double bytes_read();

/// "2026-11-21T03:04:05Z"
std::string utc_now();

}  // namespace eebench::sys
