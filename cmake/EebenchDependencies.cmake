# Every third-party package, found once, with the reason it is needed.

find_package(Threads REQUIRED)
find_package(fmt REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(OpenSSL REQUIRED COMPONENTS Crypto) # SHA-256 of configurations, data and checkpoints
find_package(tomlplusplus REQUIRED) # suites and model configurations
find_package(yaml-cpp REQUIRED) # weaver data configurations
find_package(CLI11 REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(jemalloc REQUIRED IMPORTED_TARGET jemalloc) # tensors of ever new sizes fragment glibc's heap
find_package(hwy QUIET) # run-time dispatched SIMD kernels
if(NOT hwy_FOUND)
  pkg_check_modules(hwy REQUIRED IMPORTED_TARGET libhwy)
  add_library(hwy::hwy ALIAS PkgConfig::hwy)
endif()

# Open MPI's C++ bindings were removed from the standard; without the macro mpi.h pulls them in.
find_package(MPI REQUIRED COMPONENTS C)
add_library(eebench_mpi INTERFACE)
target_link_libraries(eebench_mpi INTERFACE MPI::MPI_C)
target_compile_definitions(eebench_mpi INTERFACE OMPI_SKIP_MPICXX=1 MPICH_SKIP_MPICXX=1)

set(HDF5_PREFER_PARALLEL ON)
find_package(HDF5 REQUIRED COMPONENTS C HL)
if(NOT HDF5_IS_PARALLEL)
  message(FATAL_ERROR "eebench needs HDF5 built with MPI (Debian: libhdf5-openmpi-dev); "
                      "set HDF5_ROOT if a serial HDF5 was found first.")
endif()

include(EebenchTorch)
# Beside LibTorch's headers lie those of another fmt, without its library: the one found comes first.
get_target_property(fmt_include fmt::fmt INTERFACE_INCLUDE_DIRECTORIES)
file(MAKE_DIRECTORY "${PROJECT_BINARY_DIR}/include")
file(CREATE_LINK "${fmt_include}/fmt" "${PROJECT_BINARY_DIR}/include/fmt" SYMBOLIC)
target_include_directories(eebench_torch SYSTEM BEFORE INTERFACE "${PROJECT_BINARY_DIR}/include")
if(EEBENCH_NCCL)
  include(EebenchNccl)
endif()

# Launcher for every compilation, when there is one. Precompiled headers need the sloppiness.
find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM)
  set(CMAKE_CXX_COMPILER_LAUNCHER
      "${CMAKE_COMMAND}" -E env
      CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
      "${CCACHE_PROGRAM}")
endif()
