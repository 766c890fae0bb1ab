# A cluster's own settings: copy this, fill in, and name the copy by EEBENCH_SITE. Sourced before a campaign is
# submitted and at the start of every job.
# shellcheck shell=bash

# Modules of the compiler, MPI and HDF5 that eebench was built with:
# module load gcc openmpi hdf5

# Where the program is, if not on PATH; an Apptainer image too: EEBENCH_PROGRAM=/path/to/eebench.sif
# export EEBENCH_PROGRAM=$HOME/eebench/bin/eebench

# What starts the ranks: mpirun (Open MPI's own, the default), or srun, by PMIx if SLURM_MPI_TYPE says nothing else
# (`srun --mpi=list` prints what there is).
# export EEBENCH_LAUNCHER=srun

# Options of sbatch that hold for every job here (man sbatch, "Input environment variables"):
# export SBATCH_ACCOUNT=my-project SBATCH_PARTITION=cpu SBATCH_TIMELIMIT=02:00:00

# One rank a GPU: eebench takes the GPU with the number of its rank on the node, and NCCL wants to see its
# neighbours', so no rank may be bound to one of them.
# export SBATCH_GPUS_PER_TASK=1 SBATCH_GPU_BIND=none
