#include "eebench/comm/mpi_session.hpp"

#include <cstdio>
#include <cstdlib>
#include <exception>

#include <mpi.h>

#include "eebench/comm/mpi_check.hpp"

namespace eebench::comm {

MpiSession::MpiSession(int& argc, char**& argv) {
  int provided = MPI_THREAD_SINGLE;
  check_mpi(MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &provided), "MPI_Init_thread");
  if (provided < MPI_THREAD_FUNNELED) {
    MPI_Finalize();
    throw EnvironmentError(
        "this MPI library does not support threads beside the one that calls it "
        "(MPI_THREAD_FUNNELED); use a build of MPI with thread support");
  }
}

MpiSession::~MpiSession() {
  if (std::uncaught_exceptions() == 0) {
    MPI_Finalize();
  }
}

void MpiSession::abort(ExitCode code) {
  std::fflush(nullptr);
  int initialized = 0;
  int finalized = 0;
  MPI_Initialized(&initialized);
  MPI_Finalized(&finalized);
  if (initialized != 0 && finalized == 0) {
    MPI_Abort(MPI_COMM_WORLD, static_cast<int>(code));
  }
  std::_Exit(static_cast<int>(code));
}

}  // namespace eebench::comm
