#pragma once

#include <string>
#include <vector>

#include <sys/types.h>

namespace eebench::sys {

/// A process of a job on this node.
struct Peer {
  pid_t pid;
  std::string obituary;  ///< a line to be printed where it is gone
};

/// Names the dead. When a process of a job dies, the launcher ends the others by SIGTERM and tells
/// but its number; while a PeerWatch lives, the first of those that are left prints the lines of
/// the processes that are gone. Half a second after SIGTERM this process ends by it as ever. One at
/// a time.
class PeerWatch {
 public:
  /// `peers`: all processes of the job on this node, this one too, in one order everywhere.
  explicit PeerWatch(std::vector<Peer> peers);
  ~PeerWatch();
  PeerWatch(const PeerWatch&) = delete;
  PeerWatch& operator=(const PeerWatch&) = delete;
};

}  // namespace eebench::sys
