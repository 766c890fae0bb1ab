#include "eebench/sys/peers.hpp"

#include <csignal>

#include <catch2/catch.hpp>

#include "eebench/sys/signals.hpp"
#include "tests/sys/child.hpp"

using namespace eebench;
using Catch::Matchers::EndsWith;
using Catch::Matchers::StartsWith;

namespace {

pid_t dead_process() {
  const pid_t child = fork();
  if (child == 0) {
    _exit(0);
  }
  waitpid(child, nullptr, 0);
  return child;
}

}  // namespace

TEST_CASE("A process that is ended by SIGTERM names those of the job that are gone") {
  const pid_t dead = dead_process();
  const auto end = test::run_in_child([&] {
    const sys::PeerWatch watch({{getpid(), "myself"}, {dead, "the server"}});
    sys::note_phase("bench:point 3");
    std::raise(SIGTERM);
  });
  CHECK_THAT(end.errors, StartsWith("the server is gone in phase=\"bench:point 3\", and the job"));
  CHECK_THAT(end.errors, EndsWith("go on by --resume where the command has it\n"));
  REQUIRE(WIFSIGNALED(end.status));
  CHECK(WTERMSIG(end.status) == SIGTERM);
}

TEST_CASE("So does one that only remembers signals, and the innermost watch counts") {
  const pid_t dead = dead_process();
  const auto end = test::run_in_child([&] {
    const sys::PeerWatch outer({{getpid(), "myself"}, {dead, "outer"}});
    { const sys::PeerWatch inner({{getpid(), "myself"}, {dead, "inner"}}); }
    const sys::ScopedSignals signals;
    std::raise(SIGTERM);
  });
  CHECK_THAT(end.errors, StartsWith("outer is gone"));
  CHECK(end.status == 0);
}

TEST_CASE("The first that lives speaks for all, and where all live nobody does") {
  const pid_t dead = dead_process();
  const pid_t alive = getpid();
  const auto second = test::run_in_child([&] {
    const sys::PeerWatch watch({{alive, "first"}, {getpid(), "myself"}, {dead, "dead"}});
    std::raise(SIGTERM);
  });
  CHECK(second.errors.empty());
  const auto nobody = test::run_in_child([&] {
    const sys::PeerWatch watch({{getpid(), "myself"}, {alive, "other"}});
    std::raise(SIGTERM);
  });
  CHECK(nobody.errors.empty());
  CHECK(WTERMSIG(nobody.status) == SIGTERM);
}
