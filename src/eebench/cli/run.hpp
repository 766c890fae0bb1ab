#pragma once

#include <functional>
#include <string>
#include <vector>

#include "eebench/cli/command.hpp"

namespace eebench::cli {

/// Understands the arguments (without the program's name) and runs the command. Help and version
/// are printed once. Without arguments: `bench --suite quickstart`. Throws InputError for a command
/// line that is wrong.
/// \collective
ExitCode run(const std::vector<std::string>& arguments, Context& context);

/// Runs `body` and turns what it throws into one line on stderr and an exit code: an eebench::Error
/// thrown by all ranks ends in order; anything else ends the job.
/// \collective
int guarded_main(const comm::Communicator& world,
                 const std::function<ExitCode(sys::Watchdog&)>& body);

}  // namespace eebench::cli
