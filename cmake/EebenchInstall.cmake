# cmake --install: the program, and in share/eebench what it reads and what goes with it.
include(GNUInstallDirs)
install(TARGETS eebench RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}")
install(DIRECTORY configs suites slurm DESTINATION "${CMAKE_INSTALL_DATADIR}/eebench")
install(DIRECTORY analysis/eebench_analysis DESTINATION "${CMAKE_INSTALL_DATADIR}/eebench/analysis"
  PATTERN "__pycache__" EXCLUDE)
install(FILES analysis/01_overview.ipynb DESTINATION "${CMAKE_INSTALL_DATADIR}/eebench/analysis")
# Campaigns of one's own lie in results/ too: only the format and the example go along.
install(FILES results/README.md DESTINATION "${CMAKE_INSTALL_DATADIR}/eebench/results")
install(DIRECTORY results/example DESTINATION "${CMAKE_INSTALL_DATADIR}/eebench/results" OPTIONAL)
install(FILES LICENSE NOTICE README.md DESTINATION "${CMAKE_INSTALL_DATADIR}/eebench")

if(EEBENCH_TESTS)
  add_test(NAME install COMMAND "${CMAKE_COMMAND}" "-DBUILD=${PROJECT_BINARY_DIR}"
    "-DPREFIX=${PROJECT_BINARY_DIR}/install-test" -P "${CMAKE_CURRENT_LIST_DIR}/install_test.cmake")
  eebench_test_environment(install)
endif()
