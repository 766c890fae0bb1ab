#pragma once

#include <functional>
#include <string>
#include <vector>

#include "eebench/comm/communicator.hpp"
#include "eebench/sys/peers.hpp"

namespace eebench::cli {

/// \collective The processes of this node by rank and host, with what `more` says of a rank.
std::vector<sys::Peer> peers_of(
    const comm::Communicator& comm,
    const std::function<std::string(int rank)>& more = [](int) { return ""; });

}  // namespace eebench::cli
