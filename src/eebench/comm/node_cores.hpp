#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "eebench/comm/communicator.hpp"

namespace eebench::comm {

/// Logical processors that the ranks of this rank's node may use, all together: mpirun usually
/// binds each rank to some of them. `host` names the node, `processors` are those of this rank.
/// \collective
int node_cores(const Communicator& comm, const std::string& host,
               std::span<const std::int64_t> processors);

}  // namespace eebench::comm
