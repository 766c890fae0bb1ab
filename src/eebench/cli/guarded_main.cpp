#include <array>
#include <cstdio>
#include <exception>

#include <fmt/format.h>
#include <unistd.h>

#include "eebench/cli/run.hpp"
#include "eebench/comm/arrive.hpp"
#include "eebench/comm/mpi_session.hpp"
#include "eebench/core/first_line.hpp"

namespace eebench::cli {
namespace {

// Time for the other ranks to fail in the same way; afterwards the error was this rank's alone.
constexpr double seconds_to_agree = 5;

std::string introduce(const comm::Communicator& world) {
  std::array<char, 256> host{};
  gethostname(host.data(), host.size() - 1);
  return fmt::format("[eebench] rank {}/{} host={}", world.rank(), world.size(), host.data());
}

void print(const std::string& line) {
  fmt::print(stderr, "{}\n", line);
  std::fflush(nullptr);
}

IoError stdout_error() {
  return IoError("standard output cannot be written to; make room or send it elsewhere");
}

[[noreturn]] void on_terminate() {
  std::string what = "terminated without an exception";
  try {
    if (const auto error = std::current_exception()) {
      std::rethrow_exception(error);
    }
  } catch (const std::exception& error) {
    what = first_line(error.what());
  } catch (...) {
    what = "exception of unknown type";
  }
  print("[eebench] internal error outside the main path: " + what);
  comm::MpiSession::abort(ExitCode::internal);
}

}  // namespace

int guarded_main(const comm::Communicator& world,
                 const std::function<ExitCode(sys::Watchdog&)>& body) {
  std::set_terminate(&on_terminate);
  const comm::Communicator last_words = comm::Communicator::world();
  sys::Watchdog watchdog(introduce(world), world.flight_record());
  try {
    const ExitCode code = body(watchdog);
    world.agree([&] {
      if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) {
        throw stdout_error();
      }
    });
    return static_cast<int>(code);
  } catch (const Error& error) {
    const std::string phase = watchdog.phase();
    watchdog.enter(phase);  // an ordered end is not to be cut short by the deadline of the phase
    if (comm::all_arrive(last_words, seconds_to_agree)) {
      if (world.is_root()) {
        print(fmt::format("eebench: {}", error.what()));
        // MPI_Finalize closes HDF5's files, and hangs in that where a write failed on one rank
        // alone.
        if (error.code() == ExitCode::io && world.size() > 1) {
          comm::MpiSession::abort(error.code());
        }
      }
      return static_cast<int>(error.code());
    }
    print(fmt::format("{} phase=\"{}\" {}", watchdog.who(), phase, error.what()));
    comm::MpiSession::abort(error.code());
  } catch (const std::exception& error) {
    if (std::ferror(stdout) != 0) {
      print(fmt::format("eebench: {}", stdout_error().what()));
      comm::MpiSession::abort(ExitCode::io);
    }
    print(fmt::format("{} phase=\"{}\" internal error: {}", watchdog.who(), watchdog.phase(),
                      first_line(error.what())));
    comm::MpiSession::abort(ExitCode::internal);
  }
}

}  // namespace eebench::cli
