#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

#include "eebench/sys/flight_record.hpp"

namespace eebench::sys {

/// Knows what this process is doing, and ends it when that takes too long: prints one line and
/// leaves with ExitCode::io (74). A thread of its own that never calls MPI, so a rank that waits
/// for ever in a collective call is ended too; mpirun then ends the others.
class Watchdog {
 public:
  /// `who` begins every message, e.g. "[eebench] rank 3/8 host=n12"; `record` is printed behind the
  /// one of a phase that overran and outlives the watchdog.
  explicit Watchdog(std::string who, const FlightRecord* record = nullptr);
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

  /// Begins a phase, e.g. "bench:point 17", and ends the one before. `limit_seconds` 0: no limit.
  void enter(std::string phase, double limit_seconds = 0);
  std::string phase() const;
  const std::string& who() const { return who_; }

 private:
  using Clock = std::chrono::steady_clock;
  void watch();

  const std::string who_;
  const FlightRecord* const record_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::string phase_ = "start";
  Clock::time_point began_ = Clock::now();
  Clock::time_point deadline_ = Clock::time_point::max();
  bool done_ = false;
  std::thread thread_;
};

}  // namespace eebench::sys
