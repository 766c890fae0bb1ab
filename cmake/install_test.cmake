# Run by ctest (cmake -P): installs BUILD into the temporary PREFIX and starts the program from there.
cmake_minimum_required(VERSION 3.25)
file(REMOVE_RECURSE "${PREFIX}")
execute_process(COMMAND "${CMAKE_COMMAND}" --install "${BUILD}" --prefix "${PREFIX}"
  OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
foreach(file configs/models/particlenet.toml suites/quickstart.toml analysis/eebench_analysis/load.py results/README.md)
  if(NOT EXISTS "${PREFIX}/share/eebench/${file}")
    message(FATAL_ERROR "share/eebench/${file} was not installed")
  endif()
endforeach()
if(EXISTS "${CMAKE_CURRENT_LIST_DIR}/../results/example" AND NOT EXISTS "${PREFIX}/share/eebench/results/example")
  message(FATAL_ERROR "results/example was not installed")
endif()
execute_process(COMMAND "${PREFIX}/bin/eebench" list models WORKING_DIRECTORY "${PREFIX}"
  OUTPUT_VARIABLE models COMMAND_ERROR_IS_FATAL ANY)
if(NOT models MATCHES "particlenet-lite")
  message(FATAL_ERROR "eebench list models printed: ${models}")
endif()
file(REMOVE_RECURSE "${PREFIX}")
