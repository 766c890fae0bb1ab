# CPU nodes of LUMI: 128 cores each. Modules and options as in https://docs.lumi-supercomputer.eu (software stacks; LUMI-C
# example batch scripts); written from there, not tried on the machine. SBATCH_ACCOUNT is yours.
# shellcheck shell=bash
module load LUMI/24.03 partition/C PrgEnv-gnu cray-hdf5-parallel

# MPI is Cray's, which srun starts.
export EEBENCH_LAUNCHER=srun SLURM_MPI_TYPE=cray_shasta
# Part of a node, shared with others, 1750 MB a core; whole nodes: SBATCH_PARTITION=standard SBATCH_MEM_PER_NODE=0
export SBATCH_PARTITION=small SBATCH_MEM_PER_CPU=1750
