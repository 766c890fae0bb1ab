#include "eebench/sys/signals.hpp"

#include "eebench/sys/peers.hpp"

namespace eebench::sys {
namespace {

// A handler may touch nothing else; hence a global.
volatile std::sig_atomic_t last_signal = 0;

void remember(int signal) {
  last_signal = signal;
  if (signal == SIGTERM) {
    name_the_dead();
  }
}

}  // namespace

ScopedSignals::ScopedSignals() {
  last_signal = 0;
  for (std::size_t i = 0; i < signals_.size(); ++i) {
    struct sigaction action {};
    const bool ignored = signals_[i] == SIGUSR2 || signals_[i] == SIGPIPE || signals_[i] == SIGXFSZ;
    action.sa_handler = ignored ? SIG_IGN : &remember;
    action.sa_flags = SA_RESTART;
    sigaction(signals_[i], &action, &former_[i]);
  }
}

ScopedSignals::~ScopedSignals() {
  for (std::size_t i = 0; i < signals_.size(); ++i) {
    sigaction(signals_[i], &former_[i], nullptr);
  }
}

int ScopedSignals::received() const { return last_signal; }

}  // namespace eebench::sys
