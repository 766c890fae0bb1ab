#pragma once

#include <string>

namespace eebench::comm {

/// The MPI library's own name for itself, e.g. "Open MPI v4.1.4, ...": its first line.
std::string mpi_library();

}  // namespace eebench::comm
