#include "eebench/h5/library.hpp"

#include <fmt/format.h>
#include <hdf5.h>

#include "eebench/h5/check.hpp"

namespace eebench::h5 {

std::string hdf5_version() {
  unsigned major = 0;
  unsigned minor = 0;
  unsigned release = 0;
  check(H5get_libversion(&major, &minor, &release), "HDF5", "say its version");
  return fmt::format("{}.{}.{}", major, minor, release);
}

}  // namespace eebench::h5
