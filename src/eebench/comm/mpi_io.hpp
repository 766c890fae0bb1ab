#pragma once

#include <filesystem>
#include <string>

#include "eebench/comm/communicator.hpp"

namespace eebench::comm {

/// Every rank writes a byte into a new file in `folder` through MPI-IO and reads its neighbour's;
/// the file is gone afterwards. Returns what failed on this rank, in MPI's own words, or nothing.
/// \collective
std::string try_mpi_io(const Communicator& comm, const std::filesystem::path& folder);

}  // namespace eebench::comm
