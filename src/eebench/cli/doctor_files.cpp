#include <cerrno>
#include <cstdlib>
#include <cstring>

#include <H5public.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "eebench/cli/doctor_findings.hpp"
#include "eebench/comm/library.hpp"
#include "eebench/comm/mpi_io.hpp"
#include "eebench/core/error.hpp"
#include "eebench/h5/library.hpp"
#include "eebench/sys/files.hpp"
#include "eebench/sys/resource.hpp"

namespace eebench::cli {
namespace {

namespace fs = std::filesystem;

Finding look_at_hdf5() {
#ifdef H5_HAVE_PARALLEL
  return {Level::fine, "HDF5", h5::hdf5_version() + ", parallel"};
#else
  return {Level::unusable, "HDF5", h5::hdf5_version() + ", serial",
          "build against an HDF5 with MPI (Debian: libhdf5-openmpi-dev)"};
#endif
}

// Open MPI does not tell which component serves a file: the one asked for, else romio on Lustre and
// ompio elsewhere.
std::string mpi_io_component(const std::string& file_system) {
  if (const char* chosen = std::getenv("OMPI_MCA_io")) {
    return chosen;
  }
  if (!comm::mpi_library().starts_with("Open MPI")) {
    return "the MPI library";
  }
  return file_system == "lustre" ? "romio" : "ompio";
}

Finding look_at_mpi_io(const comm::Communicator& comm, const fs::path& folder) {
  const std::string failure = comm::try_mpi_io(comm, folder);
  const std::string file_system = sys::file_system(folder);
  const std::string component = mpi_io_component(file_system);
  const std::string where = fmt::format("in {} ({})", folder.string(), file_system);
  if (!failure.empty()) {
    return {Level::unusable, "MPI-IO", fmt::format("{} fails {}: {}", component, where, failure),
            "choose another folder with -o; on several nodes one that all of them share"};
  }
  const std::string fact = fmt::format("{} writes and reads {}", component, where);
  if (component.find("romio") != std::string::npos &&
      comm::mpi_library().starts_with("Open MPI v4")) {
    return {Level::notice, "MPI-IO", fact,
            "romio of Open MPI 4 crashes on chunked HDF5 files: export OMPI_MCA_io=ompio"};
  }
  return {Level::fine, "MPI-IO", fact};
}

// The folder itself, or the nearest above it that exists.
fs::path existing(const fs::path& folder) {
  fs::path at = fs::absolute(folder).lexically_normal();
  while (!fs::exists(at) && at.has_relative_path()) {
    at = at.parent_path();
  }
  return at;
}

// Writes and locks a file as HDF5 does.
Finding look_at_locks(const fs::path& folder) {
  const std::string file = (folder / fmt::format(".eebench-doctor.{}", getpid())).string();
  const int fd = open(file.c_str(), O_RDWR | O_CREAT | O_EXCL, 0600);
  if (fd < 0) {
    return {Level::unusable, "results",
            fmt::format("{} is not writable: {}", folder.string(), std::strerror(errno)),
            "choose another folder with -o, or change its permissions"};
  }
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  const bool locked = fcntl(fd, F_SETLK, &lock) == 0;
  const std::string reason = locked ? "" : std::strerror(errno);
  close(fd);
  unlink(file.c_str());
  if (!locked) {
    return {Level::notice, "locks",
            fmt::format("{} gives no file locks: {}", folder.string(), reason),
            "export HDF5_USE_FILE_LOCKING=FALSE for programs that only read finished files"};
  }
  return {Level::fine, "locks", "writing and locking work"};
}

Finding look_at_space(const fs::path& folder) {
  constexpr double enough = 1e9;
  const double free = static_cast<double>(sys::free_bytes(folder));
  const std::string fact = fmt::format("{} on {}, {:.1f} GB free", folder.string(),
                                       sys::file_system(folder), free / 1e9);
  if (free < enough) {
    return {Level::notice, "results", fact,
            "less than 1 GB: enough for small suites only; make room or choose another folder"};
  }
  return {Level::fine, "results", fact};
}

Finding look_at_resources() {
  try {
    return {Level::fine, "suites", sys::find_resource("suites").string()};
  } catch (const InputError& error) {
    return {Level::unusable, "suites", "not found", error.what()};
  }
}

}  // namespace

std::vector<Finding> look_at_files(const comm::Communicator& comm, const fs::path& results) {
  const fs::path folder = existing(results);
  return {look_at_hdf5(), look_at_mpi_io(comm, folder), look_at_space(folder),
          look_at_locks(folder), look_at_resources()};
}

}  // namespace eebench::cli
