#include "eebench/sys/peers.hpp"

#include <cerrno>
#include <csignal>
#include <ctime>
#include <utility>

#include <unistd.h>

namespace eebench::sys {
namespace {

// All that a handler may see.
std::vector<Peer> watched;

bool is_gone(const Peer& peer) { return kill(peer.pid, 0) != 0 && errno == ESRCH; }

/// Makes only calls that signal handlers may make. Those that are ended too wait before they are
/// gone, so that they are not taken for the dead.
void on_sigterm(int) {
  bool is_first = true;
  for (const Peer& peer : watched) {
    if (peer.pid == getpid()) {
      break;
    }
    is_first = is_first && is_gone(peer);
  }
  for (const Peer& peer : watched) {
    if (is_first && is_gone(peer)) {
      [[maybe_unused]] const auto written =
          write(STDERR_FILENO, peer.obituary.data(), peer.obituary.size());
    }
  }
  const timespec half_a_second{0, 500'000'000};
  nanosleep(&half_a_second, nullptr);
  std::signal(SIGTERM, SIG_DFL);
  raise(SIGTERM);
}

}  // namespace

PeerWatch::PeerWatch(std::vector<Peer> peers) {
  watched = std::move(peers);
  std::signal(SIGTERM, &on_sigterm);
}

PeerWatch::~PeerWatch() {
  std::signal(SIGTERM, SIG_DFL);
  watched.clear();
}

}  // namespace eebench::sys
