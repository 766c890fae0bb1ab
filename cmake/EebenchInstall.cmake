# cmake --install: the program, and in share/eebench what it reads and what goes with it.
include(GNUInstallDirs)
set(share "${CMAKE_INSTALL_DATADIR}/eebench")
install(TARGETS eebench RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}")
install(DIRECTORY configs suites slurm DESTINATION "${share}" USE_SOURCE_PERMISSIONS)
install(DIRECTORY analysis DESTINATION "${share}"
  PATTERN "__pycache__" EXCLUDE PATTERN ".ipynb_checkpoints" EXCLUDE PATTERN "*.egg-info" EXCLUDE)
install(FILES scripts/environment.sh DESTINATION "${share}/scripts")
# Campaigns of one's own lie in results/ too: only the format and the example go along.
install(FILES results/README.md DESTINATION "${share}/results")
install(DIRECTORY results/example results/exits DESTINATION "${share}/results" OPTIONAL)
install(FILES LICENSE NOTICE README.md CONTRIBUTING.md DESTINATION "${share}")

if(EEBENCH_TESTS)
  add_test(NAME install COMMAND "${CMAKE_COMMAND}" "-DBUILD=${PROJECT_BINARY_DIR}"
    "-DPREFIX=${PROJECT_BINARY_DIR}/install-test" -P "${CMAKE_CURRENT_LIST_DIR}/install_test.cmake")
  eebench_test_environment(install)
endif()
