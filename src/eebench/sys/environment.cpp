#include "eebench/sys/environment.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <limits>
#include <numeric>
#include <span>
#include <sstream>
#include <string_view>

#include <sched.h>
#include <unistd.h>

namespace eebench::sys {
namespace {

// The value of the first line "key : value" of /proc/cpuinfo.
std::string cpuinfo(std::string_view key) {
  std::ifstream in("/proc/cpuinfo");
  for (std::string line; std::getline(in, line);) {
    const auto colon = line.find(':');
    if (line.starts_with(key) && colon != std::string::npos && colon + 2 <= line.size()) {
      return line.substr(colon + 2);
    }
  }
  return "unknown";
}

std::string first_line(const char* file) {
  std::ifstream in(file);
  std::string line;
  return std::getline(in, line) ? line : "unknown";
}

std::vector<std::string> instruction_sets() {
  static constexpr std::array wanted{"sse4_2",      "avx",      "avx2",        "fma",
                                     "f16c",        "avx512f",  "avx512bw",    "avx512vl",
                                     "avx512_vnni", "avx_vnni", "avx512_bf16", "avx512_fp16",
                                     "amx_tile",    "amx_bf16", "amx_int8"};
  std::istringstream flags(cpuinfo("flags"));
  std::vector<std::string> found;
  for (std::string flag; flags >> flag;) {
    if (std::find(wanted.begin(), wanted.end(), flag) != wanted.end()) {
      found.push_back(flag);
    }
  }
  return found;
}

std::vector<std::int64_t> usable_processors() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) != 0) {  // more processors than the set holds
    std::vector<std::int64_t> all(static_cast<std::size_t>(sysconf(_SC_NPROCESSORS_ONLN)));
    std::iota(all.begin(), all.end(), std::int64_t{0});
    return all;
  }
  std::vector<std::int64_t> processors;
  for (std::size_t number = 0; number < CPU_SETSIZE; ++number) {
    if (CPU_ISSET(number, &set)) {
      processors.push_back(static_cast<std::int64_t>(number));
    }
  }
  return processors;
}

bool begins_with_one_of(std::string_view name, std::span<const char* const> prefixes) {
  return std::any_of(prefixes.begin(), prefixes.end(),
                     [&](std::string_view prefix) { return name.starts_with(prefix); });
}

bool recorded(std::string_view name) {
  static constexpr std::array prefixes{"NCCL_", "OMPI_MCA_", "UCX_", "CUDA_", "HDF5_", "OMP_"};
  // What mpirun tells its ranks of this one job: addresses, folders, process numbers.
  static constexpr std::array job{"OMPI_MCA_orte_", "OMPI_MCA_ess", "OMPI_MCA_initial_wdir"};
  static constexpr std::array slurm{
      "SLURM_JOB_ID",           "SLURM_ARRAY_JOB_ID",  "SLURM_ARRAY_TASK_ID",
      "SLURM_ARRAY_TASK_COUNT", "SLURM_RESTART_COUNT", "SLURM_JOB_PARTITION",
      "SLURM_JOB_NODELIST",     "SLURM_NTASKS",        "SLURM_CPUS_PER_TASK"};
  return (begins_with_one_of(name, prefixes) && !begins_with_one_of(name, job)) ||
         std::find(slurm.begin(), slurm.end(), name) != slurm.end();
}

}  // namespace

Hardware hardware() {
  std::array<char, 256> host{};
  gethostname(host.data(), host.size() - 1);
  return {.host = host.data(),
          .cpu = cpuinfo("model name"),
          .processors = usable_processors(),
          .governor = first_line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
          .instruction_sets = instruction_sets(),
          .memory_bytes = static_cast<std::uint64_t>(sysconf(_SC_PHYS_PAGES)) *
                          static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE))};
}

Variables recorded_environment(std::span<const std::string_view> entries) {
  Variables variables;
  for (const std::string_view entry : entries) {
    const std::string_view name = entry.substr(0, entry.find('='));
    if (recorded(name) && name.size() < entry.size()) {
      variables.emplace_back(name, entry.substr(name.size() + 1));
    }
  }
  std::sort(variables.begin(), variables.end());
  return variables;
}

Variables recorded_environment() {
  std::vector<std::string_view> entries;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    entries.emplace_back(*entry);
  }
  return recorded_environment(entries);
}

double load_average() {
  double load = 0.0;
  return getloadavg(&load, 1) == 1 ? load : std::numeric_limits<double>::quiet_NaN();
}

double bytes_read() {
  std::ifstream in("/proc/self/io");
  std::string key;
  double bytes = 0.0;
  return in >> key >> bytes && key == "rchar:" ? bytes : std::numeric_limits<double>::quiet_NaN();
}

std::string utc_now() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text.data();
}

}  // namespace eebench::sys
