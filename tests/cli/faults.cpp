// A program that fails as its argument says: faults KIND. Every rank but the first waits in a
// collective call where only one fails.
#include <stdexcept>
#include <string>
#include <thread>

#include "eebench/cli/run.hpp"
#include "eebench/comm/mpi_session.hpp"

namespace {

using eebench::ExitCode;
using eebench::comm::Communicator;

ExitCode fail(const std::string& kind, const Communicator& world,
              eebench::sys::Watchdog& watchdog) {
  const bool last = world.rank() == world.size() - 1;
  watchdog.enter("test:" + kind);
  if (kind == "all ranks") {
    throw eebench::InputError("nobody likes this file");
  }
  if (kind == "agreed") {
    world.agree([&] {
      if (last) {
        throw eebench::InputError("one rank dislikes this file");
      }
    });
  }
  if (kind == "one rank" && last) {
    throw eebench::IoError("this rank's disk is full");
  }
  if (kind == "internal" && last) {
    throw std::runtime_error("vector is empty\nstack trace");
  }
  if (kind == "thread" && last) {
    std::thread([] { throw std::runtime_error("thread is sad"); }).join();
  }
  if (kind == "hang" && last) {
    watchdog.enter("test:hang", 1);
    std::this_thread::sleep_for(std::chrono::minutes(1));
  }
  if (kind == "preempted") {
    return ExitCode::preempted;
  }
  world.barrier();
  return ExitCode::ok;
}

}  // namespace

int main(int argc, char** argv) {
  eebench::comm::MpiSession session(argc, argv);
  const auto world = Communicator::world();
  const std::string kind = argc > 1 ? argv[1] : "";
  return eebench::cli::guarded_main(
      world, [&](eebench::sys::Watchdog& watchdog) { return fail(kind, world, watchdog); });
}
