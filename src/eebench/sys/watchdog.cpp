#include "eebench/sys/watchdog.hpp"

#include <cmath>
#include <utility>

#include <fmt/format.h>
#include <unistd.h>

#include "eebench/core/error.hpp"
#include "eebench/sys/peers.hpp"

namespace eebench::sys {

Watchdog::Watchdog(std::string who, const FlightRecord* record)
    : who_(std::move(who)), record_(record), thread_([this] { watch(); }) {}

Watchdog::~Watchdog() {
  {
    const std::lock_guard lock(mutex_);
    done_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void Watchdog::enter(std::string phase, double limit_seconds) {
  {
    const std::lock_guard lock(mutex_);
    phase_ = std::move(phase);
    note_phase(phase_);
    began_ = Clock::now();
    deadline_ = limit_seconds > 0
                    ? began_ + std::chrono::milliseconds(std::llround(limit_seconds * 1000))
                    : Clock::time_point::max();
  }
  changed_.notify_all();
}

std::string Watchdog::phase() const {
  const std::lock_guard lock(mutex_);
  return phase_;
}

void Watchdog::watch() {
  std::unique_lock lock(mutex_);
  while (!done_) {
    if (deadline_ == Clock::time_point::max()) {
      changed_.wait(lock);
      continue;
    }
    const auto deadline = deadline_;
    changed_.wait_until(lock, deadline);
    if (done_ || deadline_ != deadline || Clock::now() < deadline) {
      continue;
    }
    const double seconds = std::chrono::duration<double>(Clock::now() - began_).count();
    const std::string calls = record_ == nullptr ? "" : record_->text();
    const std::string message = fmt::format(
        "{} phase=\"{}\" did not end within its limit ({:.1f} s so far); the process ends itself: "
        "a "
        "rank whose last call is behind that of the others holds them up, or --timeout-phase is "
        "too "
        "short\n{}{}",
        who_, phase_, seconds, calls.empty() ? "" : "  its last collective calls:\n", calls);
    [[maybe_unused]] const auto written = write(STDERR_FILENO, message.data(), message.size());
    _exit(static_cast<int>(ExitCode::io));
  }
}

}  // namespace eebench::sys
