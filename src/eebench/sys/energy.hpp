#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace eebench::sys {

/// What a node's processors and memory draw, as Linux's powercap counts it (Intel's and AMD's
/// RAPL): every package, and its DRAM where that is counted apart. Whatever runs on the node is in
/// it. The counters wrap after some 260 kJ: joules() must be asked more often than that.
class EnergyMeter {
 public:
  explicit EnergyMeter(const std::filesystem::path& powercap = "/sys/class/powercap");

  bool can_read() const { return !domains_.empty(); }
  /// "package-0, dram", or why nothing can be read.
  const std::string& what() const { return what_; }
  /// Drawn since the last call, or since construction; NaN where nothing can be read.
  double joules();

 private:
  struct Domain {
    std::filesystem::path counter;
    std::uint64_t range;  ///< microjoules after which it begins again
    std::uint64_t last;
  };
  std::vector<Domain> domains_;
  std::string what_;
};

}  // namespace eebench::sys
