#include <string>
#include <vector>

#include "eebench/cli/run.hpp"
#include "eebench/comm/mpi_session.hpp"
#include "eebench/sys/memory.hpp"

int main(int argc, char** argv) {
  eebench::sys::keep_freed_memory();
  // Outside guarded_main: the session must outlive every error and every communicator.
  eebench::comm::MpiSession session(argc, argv);
  const auto world = eebench::comm::Communicator::world();
  return eebench::cli::guarded_main(world, [&](eebench::sys::Watchdog& watchdog) {
    const std::vector<std::string> arguments(argv + 1, argv + argc);
    std::string command_line = "eebench";
    for (const std::string& argument : arguments) {
      command_line += " " + argument;
    }
    eebench::cli::Context context{world, watchdog, command_line};
    return eebench::cli::run(arguments, context);
  });
}
