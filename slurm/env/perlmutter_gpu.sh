# GPU nodes of Perlmutter at NERSC: 64 cores and four A100 each. Modules and options as in https://docs.nersc.gov/jobs/
# and https://docs.nersc.gov/systems/perlmutter/; written from there, not tried on the machine. SBATCH_ACCOUNT is yours.
# shellcheck shell=bash
module load PrgEnv-gnu cudatoolkit craype-accel-nvidia80 cray-hdf5-parallel

# MPI is Cray's, which srun starts.
export EEBENCH_LAUNCHER=srun SLURM_MPI_TYPE=cray_shasta
export SBATCH_CONSTRAINT=gpu SBATCH_QOS=regular SBATCH_GPUS_PER_TASK=1 SBATCH_GPU_BIND=none
