#pragma once

#include <string>

namespace eebench::h5 {

/// Version of the library that runs, e.g. "1.10.8".
std::string hdf5_version();

}  // namespace eebench::h5
