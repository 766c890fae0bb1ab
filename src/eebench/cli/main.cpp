#include <string>
#include <vector>

#include "eebench/cli/run.hpp"
#include "eebench/comm/mpi_session.hpp"
#include "eebench/core/error.hpp"
#include "eebench/core/shell.hpp"

/// Read by jemalloc: freed memory is kept for five seconds, because activations of the next step or
/// batch are about as large as those of the last. (Kept for ever, pieces of ever new sizes added
/// up: 12 GB after 2,500 steps of part-small, 1.3 GB so. With the allocator of glibc, training ran
/// at half the speed and grew.)
extern "C" {
const char* malloc_conf = "dirty_decay_ms:5000,muzzy_decay_ms:5000";
}

int main(int argc, char** argv) {
  // Outside guarded_main: the session must outlive every error and every communicator.
  eebench::comm::MpiSession session(argc, argv);
  const auto world = eebench::comm::Communicator::world();
  return eebench::cli::guarded_main(world, [&](eebench::sys::Watchdog& watchdog) {
    const std::vector<std::string> arguments(argv + 1, argv + argc);
    std::string command_line = "eebench";
    for (const std::string& argument : arguments) {
      command_line += " " + eebench::shell_quoted(argument);
    }
    const std::string of_root = world.broadcast(command_line);
    world.agree([&] {
      if (command_line != of_root) {
        throw eebench::InputError("ranks were given different command lines; start all with one");
      }
    });
    eebench::cli::Context context{world, watchdog, command_line};
    return eebench::cli::run(arguments, context);
  });
}
