#pragma once

#include "eebench/comm/communicator.hpp"

namespace eebench::comm {

/// Throws EnvironmentError where a launcher started several processes and MPI took none of it, so
/// that each is alone and would do all the work, into the same files.
void require_launcher_of_mpi(const Communicator& world);

}  // namespace eebench::comm
