#include "eebench/cli/version_text.hpp"

#include <H5public.h>
#include <fmt/format.h>
#include <torch/version.h>

#include "eebench/comm/library.hpp"
#include "eebench/core/build_info.hpp"
#include "eebench/core/version.hpp"

namespace eebench::cli {

std::string version_text() {
  const BuildInfo build = build_info();
  unsigned major = 0;
  unsigned minor = 0;
  unsigned release = 0;
  H5get_libversion(&major, &minor, &release);
  return fmt::format(
      "eebench {}\ngit      {}{}\ncompiler {}\nbuild    {} ({})\nLibTorch {}\nMPI      {}\n"
      "HDF5     {}.{}.{}",
      version, build.git_sha, build.git_dirty ? " with changes" : "", build.compiler,
      build.build_type, build.flags, TORCH_VERSION, comm::mpi_library(), major, minor, release);
}

}  // namespace eebench::cli
