#include "eebench/sys/signals.hpp"

#include <csignal>

#include <catch2/catch.hpp>

#include "tests/sys/child.hpp"

using namespace eebench;

TEST_CASE("Signals that ask for an end raise the flag and nothing else") {
  const int signal = GENERATE(SIGUSR1, SIGTERM, SIGINT);
  const sys::ScopedSignals signals;
  CHECK(signals.received() == 0);
  std::raise(signal);
  CHECK(signals.received() == signal);
}

TEST_CASE("SIGUSR2, SIGPIPE and SIGXFSZ are ignored") {
  const sys::ScopedSignals signals;
  std::raise(SIGUSR2);
  std::raise(SIGPIPE);
  std::raise(SIGXFSZ);
  CHECK(signals.received() == 0);
}

TEST_CASE("Afterwards signals do again what they did before") {
  const auto end = test::run_in_child([] {
    std::signal(SIGTERM, SIG_DFL);
    { const sys::ScopedSignals signals; }
    std::raise(SIGTERM);
  });
  REQUIRE(WIFSIGNALED(end.status));
  CHECK(WTERMSIG(end.status) == SIGTERM);
}
