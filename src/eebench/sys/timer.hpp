#pragma once

#include <chrono>

namespace eebench::sys {

/// Seconds since construction or the last restart, by the monotonic clock.
class Timer {
 public:
  using Clock = std::chrono::steady_clock;

  double seconds() const { return std::chrono::duration<double>(Clock::now() - start_).count(); }
  void restart() { start_ = Clock::now(); }

 private:
  Clock::time_point start_ = Clock::now();
};

/// What the clock of Timer can tell on this machine.
struct TimerLimits {
  double resolution;  ///< s, smallest step seen between two readings
  double overhead;    ///< s, mean cost of one reading
};

/// Measures for about a millisecond.
TimerLimits measure_timer();

}  // namespace eebench::sys
