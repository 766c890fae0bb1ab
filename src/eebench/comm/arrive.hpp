#pragma once

#include "eebench/comm/communicator.hpp"

namespace eebench::comm {

/// Waits until every rank has called this with the same communicator, at most `seconds`; false if
/// some did not come. The communicator must be used for nothing else, before or after: the ranks
/// that did not come may be in any other collective call.
bool all_arrive(const Communicator& comm, double seconds);

}  // namespace eebench::comm
