# LibTorch: EEBENCH_TORCH_ROOT (the directory that holds include/ and lib/), else CMAKE_PREFIX_PATH,
# else the wheel in the project's own virtual environment. Defines eebench_torch.

set(EEBENCH_TORCH_ROOT "$ENV{EEBENCH_TORCH_ROOT}" CACHE PATH "LibTorch directory (holds include/ and lib/)")
if(NOT EEBENCH_TORCH_ROOT)
  file(GLOB candidates "${CMAKE_CURRENT_LIST_DIR}/../.venv/lib/python3*/site-packages/torch")
  if(candidates)
    list(GET candidates 0 EEBENCH_TORCH_ROOT)
  endif()
  find_path(EEBENCH_TORCH_INCLUDE torch/csrc/api/include/torch/torch.h
            HINTS "${EEBENCH_TORCH_ROOT}/include" PATH_SUFFIXES include)
  if(EEBENCH_TORCH_INCLUDE)
    get_filename_component(EEBENCH_TORCH_ROOT "${EEBENCH_TORCH_INCLUDE}" DIRECTORY)
  endif()
endif()
if(NOT EXISTS "${EEBENCH_TORCH_ROOT}/include/ATen/ATen.h")
  message(FATAL_ERROR
    "No LibTorch found. Run scripts/setup.sh, or set EEBENCH_TORCH_ROOT to the directory that holds "
    "LibTorch's include/ and lib/ (python -c 'import torch,os;print(os.path.dirname(torch.__file__))').")
endif()

# Own targets instead of TorchConfig.cmake: the configuration of a CUDA wheel aborts without a CUDA
# toolkit, while its CPU half links and runs without one.
add_library(eebench_torch INTERFACE)
target_include_directories(eebench_torch SYSTEM INTERFACE
  "${EEBENCH_TORCH_ROOT}/include" "${EEBENCH_TORCH_ROOT}/include/torch/csrc/api/include")
target_link_directories(eebench_torch INTERFACE "${EEBENCH_TORCH_ROOT}/lib")
target_link_libraries(eebench_torch INTERFACE torch torch_cpu c10)
if(EXISTS "${EEBENCH_TORCH_ROOT}/lib/libtorch_cuda.so")
  # Nothing names a symbol of libtorch_cuda, so the linker would drop it and no GPU would be seen.
  target_link_options(eebench_torch INTERFACE
    "LINKER:--no-as-needed,${EEBENCH_TORCH_ROOT}/lib/libtorch_cuda.so,--as-needed")
endif()
target_link_options(eebench_torch INTERFACE "LINKER:-rpath,${EEBENCH_TORCH_ROOT}/lib")

# One precompiled header for every file that needs torch: 20 s to parse, 2 s to load. Only what most
# of them include: all of torch/torch.h takes 50 s and 4 s.
add_library(eebench_torch_pch OBJECT "${CMAKE_CURRENT_LIST_DIR}/torch_pch.cpp")
target_link_libraries(eebench_torch_pch PUBLIC eebench_torch)
eebench_compile_settings(eebench_torch_pch) # a precompiled header serves only equal options
set_target_properties(eebench_torch_pch PROPERTIES POSITION_INDEPENDENT_CODE OFF)
target_compile_options(eebench_torch_pch PRIVATE -fPIC)
target_precompile_headers(eebench_torch_pch PUBLIC
  <ATen/ATen.h> <c10/core/GradMode.h> <torch/nn/module.h> <torch/nn/pimpl.h>)
