#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "eebench/train/settings.hpp"

namespace eebench::train {

/// How long a training is.
struct Length {
  std::int64_t steps = 0;
  std::int64_t per_epoch = 1;  ///< steps

  std::int64_t epochs() const { return (steps + per_epoch - 1) / per_epoch; }
};

/// A way the learning rate goes.
struct ScheduleEntry {
  std::string_view name;
  std::string_view sentence;
  /// At `step`, from 0.
  double (*lr)(std::int64_t step, const Length& length, const Settings& settings);
};
std::span<const ScheduleEntry> schedule_registry();

double learning_rate(std::int64_t step, const Length& length, const Settings& settings);

}  // namespace eebench::train
