# eebench_add_layer(<name> [TORCH] [LAYERS lower layers] [LIBRARIES third-party targets])
#
# One static library eebench::<name> from every .cpp of the calling folder. Lower layers are public
# (their headers appear in ours); third-party targets too, where headers need them.
function(eebench_add_layer name)
  cmake_parse_arguments(arg "TORCH" "" "LAYERS;LIBRARIES" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/*.cpp")
  list(FILTER sources EXCLUDE REGEX "/main\\.cpp$")
  list(FILTER sources EXCLUDE REGEX "/cuda/")
  list(TRANSFORM arg_LAYERS PREPEND "eebench::")
  if(NOT sources) # headers only
    add_library(eebench_${name} INTERFACE)
    add_library(eebench::${name} ALIAS eebench_${name})
    target_include_directories(eebench_${name} INTERFACE "${PROJECT_SOURCE_DIR}/src")
    target_link_libraries(eebench_${name} INTERFACE ${arg_LAYERS} ${arg_LIBRARIES})
    return()
  endif()
  add_library(eebench_${name} STATIC ${sources})
  add_library(eebench::${name} ALIAS eebench_${name})
  target_include_directories(eebench_${name} PUBLIC "${PROJECT_SOURCE_DIR}/src")
  target_link_libraries(eebench_${name} PUBLIC ${arg_LAYERS} ${arg_LIBRARIES} PRIVATE fmt::fmt)
  eebench_compile_settings(eebench_${name})
  if(arg_TORCH)
    eebench_use_torch(eebench_${name})
  endif()
endfunction()

function(eebench_use_torch target)
  target_link_libraries(${target} PUBLIC eebench_torch)
  # Programs too are compiled with -fPIC, not CMake's -fPIE: the precompiled header serves only one.
  set_target_properties(${target} PROPERTIES POSITION_INDEPENDENT_CODE OFF)
  target_compile_options(${target} PRIVATE -fPIC)
  target_precompile_headers(${target} REUSE_FROM eebench_torch_pch)
endfunction()

function(eebench_compile_settings target)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wpedantic -Wshadow -Wconversion
    -Wsign-conversion -Wnon-virtual-dtor -Woverloaded-virtual
    -Wno-missing-field-initializers # designated initialisers name what differs from the default
    -Wno-restrict) # g++ 12 sees overlaps in every "text" + std::string
  if(EEBENCH_WERROR)
    target_compile_options(${target} PRIVATE -Werror)
  endif()
endfunction()

# eebench_add_test(<layer> [TORCH] [LIBRARIES ...])
#
# From the calling folder: *_test.cpp become the program eebench_<layer>_tests, run once;
# *_mpi_test.cpp become eebench_<layer>_mpi_tests, run under mpirun at 1, 2, 3 and 4 ranks.
# Without TORCH, the target eebench_torch_free_tests builds them and the label torch-free names them.
function(eebench_add_test layer)
  cmake_parse_arguments(arg "TORCH" "" "LIBRARIES" ${ARGN})
  if(arg_TORCH)
    set(torch with-torch)
  else()
    set(torch torch-free)
  endif()
  file(GLOB mpi_sources CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/*_mpi_test.cpp")
  file(GLOB sources CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/*_test.cpp")
  list(FILTER sources EXCLUDE REGEX "_mpi_test\\.cpp$")
  if(sources)
    add_executable(eebench_${layer}_tests ${sources})
    target_link_libraries(eebench_${layer}_tests PRIVATE eebench_test_main eebench::${layer} ${arg_LIBRARIES})
    add_test(NAME unit/${layer} COMMAND eebench_${layer}_tests)
    set_tests_properties(unit/${layer} PROPERTIES LABELS "unit;${torch}" TIMEOUT 300 SKIP_RETURN_CODE 77)
    eebench_test_environment(unit/${layer})
  endif()
  if(mpi_sources)
    add_executable(eebench_${layer}_mpi_tests ${mpi_sources})
    target_link_libraries(eebench_${layer}_mpi_tests PRIVATE eebench_mpi_test_main eebench::${layer} ${arg_LIBRARIES})
    foreach(ranks 1 2 3 4)
      set(name mpi/${layer}.np${ranks})
      add_test(NAME ${name} COMMAND ${MPIEXEC_EXECUTABLE} ${MPIEXEC_NUMPROC_FLAG} ${ranks} --oversubscribe
        --bind-to none $<TARGET_FILE:eebench_${layer}_mpi_tests>)
      set_tests_properties(${name} PROPERTIES LABELS "mpi;${torch}" TIMEOUT 600 PROCESSORS ${ranks}
        RUN_SERIAL ON) # some are timed
      eebench_test_environment(${name})
    endforeach()
  endif()
  foreach(program eebench_${layer}_tests eebench_${layer}_mpi_tests)
    if(NOT TARGET ${program})
      continue()
    endif()
    eebench_compile_settings(${program})
    if(arg_TORCH)
      eebench_use_torch(${program})
    else()
      add_dependencies(eebench_torch_free_tests ${program})
    endif()
  endforeach()
endfunction()

function(eebench_test_environment name)
  set_tests_properties(${name} PROPERTIES ENVIRONMENT
    "OMPI_ALLOW_RUN_AS_ROOT=1;OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1;OMPI_MCA_rmaps_base_oversubscribe=1;OMPI_MCA_btl_vader_single_copy_mechanism=none;OMPI_MCA_mpi_yield_when_idle=1;OMP_NUM_THREADS=1;EEBENCH_SOURCE_DIR=${PROJECT_SOURCE_DIR};EEBENCH_PYTHON=${EEBENCH_PYTHON}")
endfunction()
