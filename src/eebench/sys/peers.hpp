#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

namespace eebench::sys {

/// A process of a job on this node.
struct Peer {
  pid_t pid;
  std::string who;  ///< begins the line that is printed where it is gone
};

/// Names the dead. When a process of a job dies, the launcher ends the others by SIGTERM and tells
/// but its number; while a PeerWatch lives, the first of those that are left prints a line for each
/// process that is gone, with its own phase. Half a second after SIGTERM this process ends by it as
/// ever. The last one made counts, until its end.
class PeerWatch {
 public:
  /// `peers`: all processes of the job on this node, this one too, in one order everywhere.
  explicit PeerWatch(std::vector<Peer> peers);
  ~PeerWatch();
  PeerWatch(const PeerWatch&) = delete;
  PeerWatch& operator=(const PeerWatch&) = delete;

 private:
  std::vector<Peer> former_;
};

/// What this process does, for such a line.
void note_phase(std::string_view phase);

/// Prints the lines; for other handlers of SIGTERM, makes only calls that those may make.
void name_the_dead();

}  // namespace eebench::sys
