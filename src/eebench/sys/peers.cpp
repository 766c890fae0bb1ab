#include "eebench/sys/peers.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <ctime>
#include <utility>

#include <unistd.h>

namespace eebench::sys {
namespace {

// All that a handler may see.
std::vector<Peer> watched;
std::array<char, 256> phase_now{};

bool is_gone(const Peer& peer) { return kill(peer.pid, 0) != 0 && errno == ESRCH; }

void print_line_of(const Peer& peer) {
  std::array<char, 1024> line{};
  std::size_t length = 0;
  for (const std::string_view piece :
       {std::string_view(peer.who), std::string_view(" is gone in phase=\""),
        std::string_view(phase_now.data()),
        std::string_view("\", and the job ends: unless it said why, it was killed; what is safe "
                         "stays, go on by --resume where the command has it\n")}) {
    length += piece.copy(line.data() + length, line.size() - length);
  }
  [[maybe_unused]] const auto written = write(STDERR_FILENO, line.data(), length);
}

/// Those that are ended too wait before they are gone, so that they are not taken for the dead.
void on_sigterm(int) {
  name_the_dead();
  const timespec half_a_second{0, 500'000'000};
  nanosleep(&half_a_second, nullptr);
  std::signal(SIGTERM, SIG_DFL);
  raise(SIGTERM);
}

}  // namespace

void note_phase(std::string_view phase) {
  phase_now[phase.copy(phase_now.data(), phase_now.size() - 1)] = '\0';
}

void name_the_dead() {
  for (const Peer& peer : watched) {
    if (peer.pid == getpid()) {
      break;
    }
    if (!is_gone(peer)) {
      return;  // it speaks for all
    }
  }
  for (const Peer& peer : watched) {
    if (is_gone(peer)) {
      print_line_of(peer);
    }
  }
}

PeerWatch::PeerWatch(std::vector<Peer> peers) : former_(std::exchange(watched, std::move(peers))) {
  std::signal(SIGTERM, &on_sigterm);
}

PeerWatch::~PeerWatch() {
  watched = std::move(former_);
  if (watched.empty()) {
    std::signal(SIGTERM, SIG_DFL);
  }
}

}  // namespace eebench::sys
