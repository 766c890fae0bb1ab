#include "eebench/bench/effort.hpp"

#include <array>

#include "eebench/core/names.hpp"

namespace eebench::bench {

std::span<const Effort> effort_registry() {
  // As many batches as the 99th percentile needs make `official`.
  static constexpr std::array levels = {
      Effort{.name = "smoke",
             .max_warmup_seconds = 0.0,
             .min_samples = 1,
             .whole_passes = false,
             .min_seconds = 0.0,
             .max_seconds = 0.0,
             .until_precise = false,
             .kept_samples = 16,
             .bootstrap_replicas = 50},
      Effort{.name = "quick",
             .max_warmup_seconds = 0.5,
             .min_samples = 1,
             .whole_passes = true,
             .min_seconds = 0.5,
             .max_seconds = 5.0,
             .until_precise = false,
             .kept_samples = 256,
             .bootstrap_replicas = 200},
      Effort{.name = "standard",
             .max_warmup_seconds = 2.0,
             .min_samples = 11,
             .whole_passes = true,
             .min_seconds = 2.0,
             .max_seconds = 30.0,
             .until_precise = true,
             .kept_samples = 2048,
             .bootstrap_replicas = 1000},
      Effort{.name = "official",
             .max_warmup_seconds = 5.0,
             .min_samples = 662,
             .whole_passes = true,
             .min_seconds = 60.0,
             .max_seconds = 900.0,
             .until_precise = true,
             .kept_samples = 8192,
             .bootstrap_replicas = 1000},
  };
  return levels;
}

const Effort& parse_effort(std::string_view name) {
  return entry_of(effort_registry(), "effort", name);
}

}  // namespace eebench::bench
