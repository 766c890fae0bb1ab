#include "eebench/comm/arrive.hpp"

#include <chrono>
#include <thread>

#include <mpi.h>

#include "eebench/comm/mpi_check.hpp"

namespace eebench::comm {

bool all_arrive(const Communicator& comm, double seconds) {
  if (comm.native() == nullptr) {
    return true;
  }
  MPI_Request request = MPI_REQUEST_NULL;
  check_mpi(MPI_Ibarrier(*static_cast<const MPI_Comm*>(comm.native()), &request), "MPI_Ibarrier");
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  int done = 0;
  while (true) {
    check_mpi(MPI_Test(&request, &done, MPI_STATUS_IGNORE), "MPI_Test");
    if (done != 0 || std::chrono::steady_clock::now() > deadline) {
      return done != 0;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

}  // namespace eebench::comm
