#include "eebench/comm/launcher.hpp"

#include <cstdlib>

#include <fmt/format.h>

#include "eebench/core/error.hpp"

namespace eebench::comm {

void require_launcher_of_mpi(const Communicator& world) {
  if (world.size() > 1 || std::getenv("OMPI_COMM_WORLD_SIZE") != nullptr) {
    return;
  }
  // Of srun, of Hydra and others that speak PMI, of torchrun.
  for (const char* name : {"SLURM_STEP_NUM_TASKS", "PMI_SIZE", "WORLD_SIZE"}) {
    const char* processes = std::getenv(name);
    if (processes != nullptr && std::atoi(processes) > 1) {
      throw EnvironmentError(fmt::format(
          "{}={}, but MPI knows of this process alone, so that each would do all the work: start "
          "ranks by mpirun of the MPI that eebench was built with, or srun --mpi=pmix; unset {} if "
          "each is meant to be alone",
          name, processes, name));
    }
  }
}

}  // namespace eebench::comm
