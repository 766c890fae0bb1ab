#pragma once

#include "eebench/core/error.hpp"

namespace eebench::comm {

/// Owns MPI_Init and MPI_Finalize; also starts without mpirun, as one rank. Lives in main, outside
/// any try block and longer than every Communicator.
class MpiSession {
 public:
  /// \collective Asks for MPI_THREAD_FUNNELED: only the calling thread may use MPI.
  /// Throws EnvironmentError where the library cannot give that.
  MpiSession(int& argc, char**& argv);
  /// \collective Finalizes, except while an exception is under way: the other ranks may then sit in
  /// another collective call and MPI_Finalize would wait for them for ever.
  ~MpiSession();
  MpiSession(const MpiSession&) = delete;
  MpiSession& operator=(const MpiSession&) = delete;

  /// Ends the processes of all ranks with this exit code; works without a session too.
  [[noreturn]] static void abort(ExitCode code);
};

}  // namespace eebench::comm
