# Where things are, and the settings that eebench runs with. Sourced by the other scripts, and by you, in
# bash:  . scripts/environment.sh  makes `eebench`, `mpirun` and `python -m eebench_analysis` work as written.
# shellcheck shell=bash
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
programs=$root/build/default/bin:$root/.venv/bin
[ -d "$root/src" ] || programs=$(cd "$root/../.." && pwd)/bin # after cmake --install
case ":$PATH:" in
  *":$programs:"*) ;;
  *) export PATH="$programs:$PATH" ;;
esac

# Open MPI refuses to start as root, and more ranks than cores, unless told; the single-copy
# mechanism fails where containers forbid it.
export OMPI_ALLOW_RUN_AS_ROOT=1
export OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
export OMPI_MCA_rmaps_base_oversubscribe=1
export OMPI_MCA_btl_vader_single_copy_mechanism=none
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}

# The user's own LibTorch: EEBENCH_TORCH_ROOT, or an entry of CMAKE_PREFIX_PATH that is one (the
# directory itself, or its share/cmake as torch.utils.cmake_prefix_path gives it).
if [ -z "${EEBENCH_TORCH_ROOT:-}" ] && [ -n "${CMAKE_PREFIX_PATH:-}" ]; then
  IFS=':;' read -r -a prefixes <<<"$CMAKE_PREFIX_PATH"
  for prefix in "${prefixes[@]}"; do
    for candidate in "$prefix" "$prefix/../.."; do
      if [ -e "$candidate/include/ATen/ATen.h" ]; then
        EEBENCH_TORCH_ROOT=$(cd "$candidate" && pwd)
        export EEBENCH_TORCH_ROOT
        break 2
      fi
    done
  done
fi
