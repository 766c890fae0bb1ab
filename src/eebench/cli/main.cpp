#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <jemalloc/jemalloc.h>

#include "eebench/cli/exec_project.hpp"
#include "eebench/cli/run.hpp"
#include "eebench/comm/launcher.hpp"
#include "eebench/comm/mpi_session.hpp"
#include "eebench/comm/same_input.hpp"
#include "eebench/core/digest.hpp"
#include "eebench/core/shell.hpp"

/// Read by jemalloc: freed memory is kept for ten seconds, because activations of the next step or
/// batch are about as large as those of the last. (Kept for ever, pieces of ever new sizes add up:
/// 12 GB after 2,500 steps of part-small. With the allocator of glibc, training ran at half the
/// speed and grew.)
extern "C" {
const char* malloc_conf = "dirty_decay_ms:10000,muzzy_decay_ms:10000,oversize_threshold:0";
}

/// Blocks of 8 MiB and more too: jemalloc 5.3 makes arena 0 before it reads oversize_threshold, and
/// gave them back at every free, which took the kernel almost as long as training part itself.
void keep_large_blocks() {
  std::size_t never = std::size_t{1} << 46;
  mallctl("arena.0.oversize_threshold", nullptr, nullptr, &never, sizeof never);
}

int main(int argc, char** argv) {
  keep_large_blocks();
  if (argc > 1 && std::string_view(argv[1]) == "project") {
    return eebench::cli::exec_project(argv);
  }
  // Outside guarded_main: the session must outlive every error and every communicator.
  eebench::comm::MpiSession session(argc, argv);
  const auto world = eebench::comm::Communicator::world();
  return eebench::cli::guarded_main(world, [&](eebench::sys::Watchdog& watchdog) {
    eebench::comm::require_launcher_of_mpi(world);
    const std::vector<std::string> arguments(argv + 1, argv + argc);
    std::string command_line = "eebench";
    for (const std::string& argument : arguments) {
      command_line += " " + eebench::shell_quoted(argument);
    }
    eebench::comm::require_same(command_line, "command line", world, "start all with one");
    if (world.size() > 1) {
      eebench::comm::require_same(eebench::sha256_file("/proc/self/exe"), "program", world,
                                  "start the same build of eebench on all nodes");
    }
    eebench::cli::Context context{world, watchdog, command_line};
    return eebench::cli::run(arguments, context);
  });
}
