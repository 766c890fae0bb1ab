// Runs a Catch2 program under mpirun: the same tests in the same order on every rank, one verdict.
#define CATCH_CONFIG_RUNNER
#include <csignal>
#include <cstdio>
#include <iostream>
#include <sstream>
#include <string>

#include <catch2/catch.hpp>
#include <unistd.h>

#include "eebench/comm/communicator.hpp"
#include "eebench/comm/mpi_session.hpp"

namespace {

constexpr unsigned seconds_per_test = 600;  // many times what a loaded machine takes
std::string timeout_message;

// A rank that waits for ever in a collective call ends the job and says in which test.
void on_alarm(int) {
  [[maybe_unused]] const auto written =
      write(STDERR_FILENO, timeout_message.data(), timeout_message.size());
  _exit(74);
}

int my_rank = 0;

struct Watchdog : Catch::TestEventListenerBase {
  using TestEventListenerBase::TestEventListenerBase;

  void testCaseStarting(const Catch::TestCaseInfo& test) override {
    timeout_message = "[rank " + std::to_string(my_rank) + "] test \"" + test.name +
                      "\" did not end within " + std::to_string(seconds_per_test) + " s\n";
    std::signal(SIGALRM, on_alarm);
    alarm(seconds_per_test);
  }
  void testCaseEnded(const Catch::TestCaseStats&) override { alarm(0); }
};
CATCH_REGISTER_LISTENER(Watchdog)

void print_with_rank(const std::string& text) {
  std::istringstream lines(text);
  std::string all;
  for (std::string line; std::getline(lines, line);) {
    all += "[rank " + std::to_string(my_rank) + "] " + line + "\n";
  }
  std::cout << all << std::flush;
}

}  // namespace

int main(int argc, char** argv) {
  const eebench::comm::MpiSession session(argc, argv);
  const auto world = eebench::comm::Communicator::world();
  my_rank = world.rank();

  std::ostringstream quiet;
  std::streambuf* const terminal = std::cout.rdbuf();
  if (!world.is_root()) {
    std::cout.rdbuf(quiet.rdbuf());
  }
  int result = 0;
  {
    Catch::Session tests;
    tests.configData().rngSeed = 1;
    tests.configData().runOrder = Catch::RunTests::InDeclarationOrder;
    tests.configData().useColour = Catch::UseColour::No;
    tests.configData().warnings = Catch::WarnAbout::NoTests;
    result = tests.applyCommandLine(argc, argv);
    if (result == 0) {
      result = tests.run();
    }
  }
  std::cout.rdbuf(terminal);
  if (!world.is_root() && result != 0) {
    print_with_rank(quiet.str());
  }
  return static_cast<int>(
      world.all_reduce(static_cast<std::int64_t>(result), eebench::comm::Reduce::max));
}
