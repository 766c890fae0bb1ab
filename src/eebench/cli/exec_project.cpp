#include "eebench/cli/exec_project.hpp"

#include <cstdio>
#include <cstdlib>
#include <vector>

#include <fmt/format.h>
#include <unistd.h>

#include "eebench/core/error.hpp"

namespace eebench::cli {

int exec_project(char** argv) {
  if (std::getenv("OMPI_COMM_WORLD_SIZE") != nullptr) {
    fmt::print(stderr, "eebench: project: starts mpirun for its steps; call it without mpirun\n");
    return static_cast<int>(ExitCode::usage);
  }
  std::string python = "python";
  std::string module = "-m";
  std::string package = "eebench_analysis";
  std::vector<char*> arguments{python.data(), module.data(), package.data()};
  for (char** argument = argv + 1; *argument != nullptr; ++argument) {
    arguments.push_back(*argument);
  }
  arguments.push_back(nullptr);
  execvp("python", arguments.data());
  fmt::print(
      stderr,
      "eebench: project: no program python on PATH; . scripts/environment.sh of eebench puts "
      "the one with eebench_analysis there\n");
  return static_cast<int>(ExitCode::environment);
}

}  // namespace eebench::cli
