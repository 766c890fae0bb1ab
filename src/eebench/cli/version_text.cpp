#include "eebench/cli/version_text.hpp"

#include <fmt/format.h>
#include <torch/version.h>

#include "eebench/comm/library.hpp"
#include "eebench/core/build_info.hpp"
#include "eebench/core/version.hpp"
#include "eebench/h5/library.hpp"

namespace eebench::cli {

std::string version_text() {
  const BuildInfo build = build_info();
  return fmt::format(
      "eebench {}\ngit      {}\ncompiler {}\nbuild    {} ({})\nLibTorch {}\nMPI      {}\n"
      "HDF5     {}",
      version, build.commit(), build.compiler, build.build_type, build.flags, TORCH_VERSION,
      comm::mpi_library(), h5::hdf5_version());
}

}  // namespace eebench::cli
