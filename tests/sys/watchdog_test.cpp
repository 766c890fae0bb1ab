#include "eebench/sys/watchdog.hpp"

#include <chrono>
#include <thread>

#include <catch2/catch.hpp>

#include "tests/sys/child.hpp"

using namespace eebench;
using Catch::Matchers::Contains;
using std::chrono::milliseconds;
using std::this_thread::sleep_for;

TEST_CASE("A phase that overruns its limit ends the process with 74 and names itself") {
  const auto end = test::run_in_child([] {
    sys::Watchdog watchdog("[eebench] rank 1/2 host=here");
    watchdog.enter("bench:point 17", 0.05);
    sleep_for(std::chrono::seconds(10));
  });
  REQUIRE(WIFEXITED(end.status));
  CHECK(WEXITSTATUS(end.status) == 74);
  CHECK_THAT(end.errors, Contains("[eebench] rank 1/2 host=here phase=\"bench:point 17\""));
}

TEST_CASE("Behind the phase stand the calls that the process made last") {
  const auto end = test::run_in_child([] {
    sys::FlightRecord record;
    sys::Watchdog watchdog("who", &record);
    const sys::FlightRecord::Call waits(record, "MPI_Barrier", 0);
    watchdog.enter("bench", 0.05);
    sleep_for(std::chrono::seconds(10));
  });
  CHECK_THAT(end.errors, Contains("--timeout-phase is too short\n  its last collective calls:\n"
                                  "    #1 MPI_Barrier of 0 bytes"));
  CHECK_THAT(end.errors, Contains(", not finished\n"));
}

TEST_CASE("Phases within their limits, and without one, leave the process alone") {
  const auto end = test::run_in_child([] {
    sys::Watchdog watchdog("who");
    watchdog.enter("short", 5);
    watchdog.enter("brief", 0.1);
    watchdog.enter("unlimited");
    sleep_for(milliseconds(300));
  });
  CHECK(end.status == 0);
  CHECK(end.errors.empty());
}

TEST_CASE("The watchdog knows the current phase") {
  sys::Watchdog watchdog("who");
  CHECK(watchdog.phase() == "start");
  watchdog.enter("load");
  CHECK(watchdog.phase() == "load");
}
