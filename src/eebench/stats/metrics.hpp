#pragma once

#include <span>
#include <string_view>

namespace eebench::stats {

enum class Direction { higher_is_better, lower_is_better, neither };

struct Metric {
  std::string_view name;
  std::string_view unit;
  std::string_view sentence;
  Direction direction;
};

/// Everything a point of the benchmark may report. `rejection` has one value per signal class.
std::span<const Metric> metric_registry();

}  // namespace eebench::stats
