# CUDA runtime and NCCL, for host code only (no CUDA compiler): targets eebench_cudart, eebench_nccl.
# NCCL of the wheel beside LibTorch comes first: LibTorch's own CUDA libraries load that one, and two
# versions in one process do not go together.

set(EEBENCH_NCCL_ROOT "$ENV{EEBENCH_NCCL_ROOT}" CACHE PATH "NCCL directory (holds include/ and lib/)")
set(EEBENCH_CUDA_ROOT "$ENV{CUDA_HOME}" CACHE PATH "CUDA toolkit directory (holds include/)")
get_filename_component(site_packages "${EEBENCH_TORCH_ROOT}" DIRECTORY)

function(eebench_find_cuda_library target header names roots remedy)
  find_path(${target}_INCLUDE ${header} HINTS ${roots} PATH_SUFFIXES include)
  find_library(${target}_LIBRARY NAMES ${names} HINTS ${roots} PATH_SUFFIXES lib lib64)
  if(NOT ${target}_INCLUDE OR NOT ${target}_LIBRARY)
    message(FATAL_ERROR "EEBENCH_NCCL=ON needs ${header} and its library: ${remedy}, "
                        "or configure with -DEEBENCH_NCCL=OFF.")
  endif()
  add_library(${target} UNKNOWN IMPORTED GLOBAL)
  get_filename_component(folder "${${target}_LIBRARY}" DIRECTORY)
  set_target_properties(${target} PROPERTIES
    IMPORTED_LOCATION "${${target}_LIBRARY}"
    INTERFACE_LINK_OPTIONS "LINKER:-rpath,${folder}" # an installed program needs it too
    INTERFACE_SYSTEM_INCLUDE_DIRECTORIES "${${target}_INCLUDE}"
    INTERFACE_INCLUDE_DIRECTORIES "${${target}_INCLUDE}")
endfunction()

eebench_find_cuda_library(eebench_cudart cuda_runtime_api.h
  "cudart;libcudart.so.13;libcudart.so.12"
  "${EEBENCH_CUDA_ROOT};${site_packages}/nvidia/cu13;${site_packages}/nvidia/cuda_runtime;/usr/local/cuda"
  "install a CUDA toolkit and set EEBENCH_CUDA_ROOT to it")
eebench_find_cuda_library(eebench_nccl nccl.h
  "nccl;libnccl.so.2"
  "${EEBENCH_NCCL_ROOT};${site_packages}/nvidia/nccl"
  "pip install nvidia-nccl-cu13 beside LibTorch, or set EEBENCH_NCCL_ROOT")
