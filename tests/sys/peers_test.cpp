#include "eebench/sys/peers.hpp"

#include <csignal>

#include <catch2/catch.hpp>

#include "tests/sys/child.hpp"

using namespace eebench;

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
    const sys::PeerWatch watch({{getpid(), "myself\n"}, {dead, "the server died\n"}});
    std::raise(SIGTERM);
  });
  CHECK(end.errors == "the server died\n");
  REQUIRE(WIFSIGNALED(end.status));
  CHECK(WTERMSIG(end.status) == SIGTERM);
}

TEST_CASE("The first that lives speaks for all, and where all live nobody does") {
  const pid_t dead = dead_process();
  const pid_t alive = getpid();
  const auto second = test::run_in_child([&] {
    const sys::PeerWatch watch({{alive, "first\n"}, {getpid(), "myself\n"}, {dead, "dead\n"}});
    std::raise(SIGTERM);
  });
  CHECK(second.errors.empty());
  const auto nobody = test::run_in_child([&] {
    const sys::PeerWatch watch({{getpid(), "myself\n"}, {alive, "other\n"}});
    std::raise(SIGTERM);
  });
  CHECK(nobody.errors.empty());
  CHECK(WTERMSIG(nobody.status) == SIGTERM);
}
