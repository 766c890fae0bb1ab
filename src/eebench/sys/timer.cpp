#include "eebench/sys/timer.hpp"

#include <algorithm>
#include <limits>

namespace eebench::sys {

TimerLimits measure_timer() {
  constexpr int readings = 20000;
  const Timer total;
  double resolution = std::numeric_limits<double>::infinity();
  auto before = Timer::Clock::now();
  for (int i = 0; i < readings; ++i) {
    const auto now = Timer::Clock::now();
    if (now > before) {
      resolution = std::min(resolution, std::chrono::duration<double>(now - before).count());
    }
    before = now;
  }
  return {resolution, total.seconds() / readings};
}

}  // namespace eebench::sys
