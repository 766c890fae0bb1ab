#pragma once

#include <string_view>

#include "eebench/comm/communicator.hpp"
#include "eebench/h5/file.hpp"
#include "eebench/h5/handle.hpp"

namespace eebench::h5 {

/// MPI-IO where there are several ranks; the format of HDF5 1.8 to 1.10, which old tools read.
Handle file_access(const comm::Communicator& comm, std::string_view where);
/// Order of creation is kept, so that readers list variables as they were made.
Handle file_creation(std::string_view where);
/// Chunks, compression, fill value; space is reserved at once unless compressed, so that a full
/// disk shows early.
Handle dataset_creation(hid_t type, const Extents& shape, const Storage& storage,
                        std::string_view where);

}  // namespace eebench::h5
