#include "eebench/bench/effort.hpp"

#include <array>
#include <vector>

#include "eebench/core/names.hpp"

namespace eebench::bench {

std::span<const Effort> effort_registry() {
  // The sample counts of `official` satisfy the floor of the 99th percentile.
  static constexpr std::array levels = {
      Effort{"smoke", "one batch a point, to see that everything works", 0.0, 1, 0.0, 0.0, false,
             16, 50},
      Effort{"quick", "one pass over the batches and half a second a point", 0.5, 1, 0.5, 5.0,
             false, 256, 200},
      Effort{"standard", "10 batches, 2 s, median within 1 %, at most 30 s", 2.0, 10, 2.0, 30.0,
             true, 2048, 1000},
      Effort{"official", "662 batches, a minute, median within 1 %, at most 15 min", 5.0, 662, 60.0,
             900.0, true, 8192, 1000},
  };
  return levels;
}

const Effort& parse_effort(std::string_view name) {
  std::vector<std::string_view> names;
  for (const Effort& level : effort_registry()) {
    if (level.name == name) {
      return level;
    }
    names.push_back(level.name);
  }
  throw_unknown("effort", name, "", names);
}

}  // namespace eebench::bench
