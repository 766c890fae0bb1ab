#include "eebench/comm/node_cores.hpp"

#include <set>

namespace eebench::comm {

int node_cores(const Communicator& comm, const std::string& host,
               std::span<const std::int64_t> processors) {
  const std::vector<std::string> hosts = comm.all_gather(host);
  const std::vector<std::int64_t> counts =
      comm.all_gather(static_cast<std::int64_t>(processors.size()));
  const std::vector<std::int64_t> all = comm.all_gather(processors);
  std::set<std::int64_t> cores;
  auto at = all.begin();
  for (std::size_t rank = 0; rank < hosts.size(); ++rank) {
    const auto end = at + counts[rank];
    if (hosts[rank] == host) {
      cores.insert(at, end);
    }
    at = end;
  }
  return static_cast<int>(cores.size());
}

}  // namespace eebench::comm
