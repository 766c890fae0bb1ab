#include "eebench/comm/mpi_io.hpp"

#include <functional>

#include <fmt/format.h>
#include <mpi.h>
#include <unistd.h>

#include "eebench/comm/mpi_check.hpp"
#include "eebench/core/error.hpp"

namespace eebench::comm {
std::string try_mpi_io(const Communicator& comm, const std::filesystem::path& folder) {
  const std::string path =
      comm.broadcast((folder / fmt::format(".eebench-mpi-io.{}", getpid())).string());
  const MPI_Comm mpi =
      comm.native() == nullptr ? MPI_COMM_SELF : *static_cast<const MPI_Comm*>(comm.native());
  const auto mine = static_cast<unsigned char>(comm.rank() % 251);
  const int neighbour = (comm.rank() + 1) % comm.size();
  unsigned char read = 255;
  MPI_File file = MPI_FILE_NULL;
  std::string failed;
  // Every rank takes the next step, or none: a rank that failed would leave the others waiting.
  const auto step = [&](const char* call, const std::function<int()>& action) {
    const int code = action();
    try {
      check_mpi(code, call);
    } catch (const Error& error) {
      failed = error.what();
    }
    return comm.all(code == MPI_SUCCESS);
  };
  const bool open = step("MPI_File_open", [&] {
    return MPI_File_open(mpi, path.c_str(),
                         MPI_MODE_CREATE | MPI_MODE_RDWR | MPI_MODE_DELETE_ON_CLOSE, MPI_INFO_NULL,
                         &file);
  });
  // What others wrote is seen after both have synchronised, and none reads before all have.
  const bool done =
      open &&
      step("MPI_File_write_at_all",
           [&] {
             return MPI_File_write_at_all(file, comm.rank(), &mine, 1, MPI_BYTE, MPI_STATUS_IGNORE);
           }) &&
      step("MPI_File_sync", [&] { return MPI_File_sync(file); }) &&
      step("MPI_File_sync", [&] { return MPI_File_sync(file); }) &&
      step("MPI_File_read_at_all", [&] {
        return MPI_File_read_at_all(file, neighbour, &read, 1, MPI_BYTE, MPI_STATUS_IGNORE);
      });
  if (done && read != neighbour % 251) {
    failed = fmt::format("rank {} did not read what rank {} wrote", comm.rank(), neighbour);
  }
  if (open) {
    MPI_File_close(&file);
  }
  return failed.empty() && !done ? "another rank failed" : failed;
}

}  // namespace eebench::comm
