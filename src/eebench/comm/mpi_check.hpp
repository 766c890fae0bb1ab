#pragma once

namespace eebench::comm {

/// The one place where the result of an MPI call is looked at: throws Error (internal) with MPI's
/// own text. `call` is the name of the function that returned `code`.
void check_mpi(int code, const char* call);

}  // namespace eebench::comm
