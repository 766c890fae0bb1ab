# cmake --install: the program, and in share/eebench what it reads and what goes with it.
include(GNUInstallDirs)
install(TARGETS eebench RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}")
install(DIRECTORY configs suites slurm DESTINATION "${CMAKE_INSTALL_DATADIR}/eebench")
install(DIRECTORY analysis/eebench_analysis DESTINATION "${CMAKE_INSTALL_DATADIR}/eebench/analysis"
  PATTERN "__pycache__" EXCLUDE)
install(FILES analysis/01_overview.ipynb DESTINATION "${CMAKE_INSTALL_DATADIR}/eebench/analysis")
install(FILES LICENSE NOTICE README.md DESTINATION "${CMAKE_INSTALL_DATADIR}/eebench")
