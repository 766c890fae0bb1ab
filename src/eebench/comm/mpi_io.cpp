#include "eebench/comm/mpi_io.hpp"

#include <fmt/format.h>
#include <mpi.h>
#include <unistd.h>

#include "eebench/comm/mpi_check.hpp"
#include "eebench/core/error.hpp"

namespace eebench::comm {
namespace {

class OpenFile {
 public:
  OpenFile(MPI_Comm comm, const std::string& path) {
    check_mpi(MPI_File_open(comm, path.c_str(),
                            MPI_MODE_CREATE | MPI_MODE_RDWR | MPI_MODE_DELETE_ON_CLOSE,
                            MPI_INFO_NULL, &file_),
              "MPI_File_open");
  }
  ~OpenFile() { MPI_File_close(&file_); }
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
  MPI_File get() const { return file_; }

 private:
  MPI_File file_ = MPI_FILE_NULL;
};

}  // namespace

std::string try_mpi_io(const Communicator& comm, const std::filesystem::path& folder) {
  const std::string path =
      comm.broadcast((folder / fmt::format(".eebench-mpi-io.{}", getpid())).string());
  const MPI_Comm mpi =
      comm.native() == nullptr ? MPI_COMM_SELF : *static_cast<const MPI_Comm*>(comm.native());
  try {
    const OpenFile file(mpi, path);
    const auto mine = static_cast<unsigned char>(comm.rank() % 251);
    const int neighbour = (comm.rank() + 1) % comm.size();
    unsigned char read = 255;
    check_mpi(MPI_File_write_at_all(file.get(), comm.rank(), &mine, 1, MPI_BYTE, MPI_STATUS_IGNORE),
              "MPI_File_write_at_all");
    // What others wrote is seen after both have synchronised, and none reads before all have.
    check_mpi(MPI_File_sync(file.get()), "MPI_File_sync");
    comm.barrier();
    check_mpi(MPI_File_sync(file.get()), "MPI_File_sync");
    check_mpi(MPI_File_read_at_all(file.get(), neighbour, &read, 1, MPI_BYTE, MPI_STATUS_IGNORE),
              "MPI_File_read_at_all");
    if (read != neighbour % 251) {
      return fmt::format("rank {} did not read what rank {} wrote", comm.rank(), neighbour);
    }
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

}  // namespace eebench::comm
