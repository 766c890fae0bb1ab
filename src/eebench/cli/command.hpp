#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "eebench/comm/communicator.hpp"
#include "eebench/core/error.hpp"
#include "eebench/sys/watchdog.hpp"

namespace eebench::cli {

/// What every command works with.
struct Context {
  comm::Communicator comm;
  sys::Watchdog& watchdog;       ///< enter() says what we are doing, and for how long
  std::string command_line;      ///< to be pasted into a shell; for provenance
  double phase_seconds = 600.0;  ///< after these a phase that says nothing has hung; 0: never
};

/// Does the work, after the command line was understood. Every rank calls it. Results go to stdout,
/// progress to stderr, both from the root rank alone. Returns ExitCode::ok or what else describes
/// the end (points_failed, preempted ...); throws eebench::Error for what ends it early:
/// an error that all ranks throw is printed once and exits in order with its code; an error of some
/// ranks only ends the job after a few seconds. Wrong input that one rank alone can see should go
/// through Communicator::agree.
/// \collective
using Runner = std::function<ExitCode(Context&)>;

/// One subcommand. `setup` declares its options on `app` and returns what to run:
///
///     Runner setup_data(CLI::App& app) {
///       struct Options { std::filesystem::path file; };
///       const auto options = std::make_shared<Options>();  // outlives the parsing
///       app.add_option("file", options->file, "Jet file")->required()->check(named("file"));
///       return [options](Context& context) { ...; return ExitCode::ok; };
///     }
///
/// A command that has subcommands of its own asks `app.get_subcommands()` in the runner.
/// Defaults are shown in --help by themselves; units belong in the description.
struct Command {
  std::string_view name;
  std::string_view help;  ///< one sentence without a full stop
  Runner (*setup)(CLI::App& app);
};

/// Of a number of things; a longer one is a slip of the finger.
inline CLI::Range at_least(std::int64_t least) { return {least, std::int64_t{1'000'000'000}}; }

/// Refuses what is no number above 0, in words of any length but CLI11's.
inline std::string above_zero(const std::string& text) {
  double value = 0.0;
  return CLI::detail::lexical_cast(text, value) && value > 0.0 && value < 1e9
             ? ""
             : fmt::format("'{}' must be a number above 0", text);
}

/// Refuses an empty name, as of an unset variable in a shell, which would pass for none given.
inline std::function<std::string(const std::string&)> named(const std::string& kind) {
  return [=](const std::string& name) { return name.empty() ? "name a " + kind : ""; };
}

/// Declares "--threads": threads of each rank, 1 to 1024.
inline CLI::Option* add_threads(CLI::App& app, int& threads) {
  return app.add_option("--threads", threads, "Threads of each rank")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
}

/// The explicit table in command_table.cpp, in the order of --help. A new command is a file
/// command_<name>.cpp, its declaration here and its line there.
std::span<const Command> command_table();

Runner setup_bench(CLI::App& app);
Runner setup_compare(CLI::App& app);
Runner setup_data(CLI::App& app);
Runner setup_deploy(CLI::App& app);
Runner setup_doctor(CLI::App& app);
Runner setup_gates(CLI::App& app);
Runner setup_quantize(CLI::App& app);
Runner setup_list(CLI::App& app);
Runner setup_merge(CLI::App& app);
Runner setup_plan(CLI::App& app);
Runner setup_predict(CLI::App& app);
Runner setup_profile(CLI::App& app);
Runner setup_scale(CLI::App& app);
Runner setup_status(CLI::App& app);
Runner setup_train(CLI::App& app);
Runner setup_validate(CLI::App& app);

}  // namespace eebench::cli
