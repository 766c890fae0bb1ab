#pragma once

namespace eebench::cli {

/// Becomes `python -m eebench_analysis project ...` with the arguments behind argv[1]. To be called
/// before MPI begins: its steps start mpirun themselves, which must not happen inside of MPI.
/// Returns an exit code only where that cannot be.
int exec_project(char** argv);

}  // namespace eebench::cli
