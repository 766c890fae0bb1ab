#include "eebench/cli/peers_of.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include "eebench/sys/environment.hpp"

namespace eebench::cli {

std::vector<sys::Peer> peers_of(const comm::Communicator& comm,
                                const std::function<std::string(int rank)>& more) {
  const std::string host = sys::hardware().host;
  const std::vector<std::string> hosts = comm.all_gather(host);
  const std::vector<std::int64_t> pids = comm.all_gather(std::int64_t{getpid()});
  std::vector<sys::Peer> peers;
  for (int rank = 0; rank < comm.size(); ++rank) {
    const auto place = static_cast<std::size_t>(rank);
    if (hosts[place] == host) {
      peers.push_back(
          {static_cast<pid_t>(pids[place]),
           fmt::format("[eebench] rank {}/{} host={}{}", rank, comm.size(), host, more(rank))});
    }
  }
  return peers;
}

}  // namespace eebench::cli
