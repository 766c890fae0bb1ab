#pragma once

#include <array>
#include <csignal>

namespace eebench::sys {

/// While it lives, SIGUSR1, SIGTERM and SIGINT only raise a flag, SIGUSR2 and SIGPIPE are
/// ignored, and so is SIGXFSZ, so that a quota fails the write instead of the process; afterwards
/// the former handlers are back. One at a time. The flag is this process's own: ranks must agree
/// (all_reduce with max) before they act on it.
class ScopedSignals {
 public:
  ScopedSignals();
  ~ScopedSignals();
  ScopedSignals(const ScopedSignals&) = delete;
  ScopedSignals& operator=(const ScopedSignals&) = delete;

  /// The last of these signals that came, 0 for none.
  int received() const;

 private:
  static constexpr std::array<int, 6> signals_{SIGUSR1, SIGTERM, SIGINT, SIGUSR2, SIGPIPE, SIGXFSZ};
  std::array<struct sigaction, 6> former_{};
};

}  // namespace eebench::sys
