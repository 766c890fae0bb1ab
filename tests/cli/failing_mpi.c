/* Preloaded into a program of MPI: on rank FAIL_RANK the collective call number FAIL_CALL fails, so that an
   exception comes up in whatever phase that is. */
#include <mpi.h>
#include <stdlib.h>

static int fails(void) {
  static int calls = 0;
  const char *rank = getenv("FAIL_RANK");
  const char *call = getenv("FAIL_CALL");
  const char *own = getenv("OMPI_COMM_WORLD_RANK");
  return rank && call && own && atoi(own) == atoi(rank) && ++calls == atoi(call);
}

int MPI_Barrier(MPI_Comm comm) { return fails() ? MPI_ERR_OTHER : PMPI_Barrier(comm); }

int MPI_Bcast(void *data, int count, MPI_Datatype type, int root, MPI_Comm comm) {
  return fails() ? MPI_ERR_OTHER : PMPI_Bcast(data, count, type, root, comm);
}

int MPI_Allreduce(const void *from, void *to, int count, MPI_Datatype type, MPI_Op op, MPI_Comm comm) {
  return fails() ? MPI_ERR_OTHER : PMPI_Allreduce(from, to, count, type, op, comm);
}
