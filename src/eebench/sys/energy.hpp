#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace eebench::sys {

/// Which counters of the node a process reads, so that over all of them each is read once.
struct EnergyOf {
  bool node = true;        ///< processors and memory
  std::optional<int> gpu;  ///< place among the GPUs that CUDA_VISIBLE_DEVICES leaves
  std::filesystem::path powercap = "/sys/class/powercap";
  std::string nvml = "libnvidia-ml.so.1";
};

/// What a machine draws, whatever runs on it: every package, and its DRAM where that is counted
/// apart, by Linux's powercap (RAPL of Intel and AMD), and a GPU by NVML. RAPL's counters wrap
/// after some 260 kJ: joules() must be asked more often than that.
class EnergyMeter {
 public:
  explicit EnergyMeter(const EnergyOf& of);

  /// "package-0, dram, GPU", or why there is nothing to read.
  const std::string& what() const { return what_; }
  /// Drawn since the last call, or since construction, by all that can be read; NaN where nothing
  /// of what was asked for can, 0 where nothing was asked for.
  double joules();

 private:
  struct Counter {
    std::function<std::optional<std::uint64_t>()> read;
    std::uint64_t range;  ///< it begins again at
    double unit;          ///< J
    std::uint64_t last;
  };
  void add_node(const std::filesystem::path& powercap);
  void add_gpu(int place, const std::string& library);
  void add(const std::string& name, Counter counter);

  std::vector<Counter> counters_;
  std::string what_;
  std::string absent_;
  bool is_asked_;
};

}  // namespace eebench::sys
