#include "eebench/cli/run.hpp"

#include <algorithm>
#include <iostream>
#include <memory>
#include <sstream>
#include <utility>

#include <fmt/format.h>

#include "eebench/cli/peers_of.hpp"
#include "eebench/cli/version_text.hpp"
#include "eebench/core/names.hpp"

namespace eebench::cli {
namespace {

struct Choice {
  const CLI::App* app;
  Runner run;
};

std::vector<Choice> add_commands(CLI::App& app, Context& context) {
  std::vector<Choice> choices;
  for (const Command& command : command_table()) {
    CLI::App* const sub = app.add_subcommand(std::string(command.name), std::string(command.help));
    sub->option_defaults()->always_capture_default();
    choices.push_back({sub, command.setup(*sub)});
    sub->add_option("--timeout-phase", context.phase_seconds,
                    "Seconds without progress after which a job that hangs is ended; 0: never")
        ->check(CLI::Range(0.0, 1e6));
  }
  return choices;
}

// The deepest subcommand that was named: its options are the ones that were meant.
const CLI::App& named_command(const CLI::App& app) {
  const auto named = app.get_subcommands();
  return named.empty() ? app : named_command(*named.front());
}

std::vector<std::string> option_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) {
      names.push_back("--" + name);
    }
    for (const std::string& name : option->get_snames()) {
      names.push_back("-" + name);
    }
  }
  return names;
}

std::vector<std::string> command_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* sub : app.get_subcommands([](const CLI::App*) { return true; })) {
    names.push_back(sub->get_name());
  }
  return names;
}

std::string full_name(const CLI::App& app) {
  const CLI::App* const parent = app.get_parent();
  return parent == nullptr ? app.get_name() : full_name(*parent) + " " + app.get_name();
}

// Without the program's name, which begins the line anyway: "list: ".
std::string prefix(const std::string& full_name) {
  const std::size_t space = full_name.find(' ');
  return space == std::string::npos ? "" : full_name.substr(space + 1) + ": ";
}

[[noreturn]] void throw_usage_error(const CLI::App& app, const CLI::ParseError& error) {
  const CLI::App& command = named_command(app);
  const std::string name = full_name(command);
  auto names = command_names(command);
  if (command.get_parent() == nullptr) {
    names.emplace_back("project");  // of Python; main() hands it over
  }
  const auto extras = app.remaining(true);
  // What was misspelt is first missed, if it is required, and only then left over.
  if (!extras.empty()) {
    const std::string& extra = extras.front();
    if (extra.starts_with("-")) {
      const std::string option = extra.substr(0, extra.find('='));
      throw_unknown("option", option, name, option_names(command));
    }
    if (!names.empty()) {
      throw_unknown("command", extra, name, names);
    }
  }
  throw InputError(fmt::format("{}{} (see {} --help)", prefix(name), error.what(), name));
}

}  // namespace

ExitCode run(const std::vector<std::string>& arguments, Context& context) {
  CLI::App app("Early-exit networks for jet tagging: train, leave early, measure, compare",
               "eebench");
  app.set_version_flag("--version", [] { return version_text(); });
  app.require_subcommand(0, 1);
  app.footer(
      "Without a command: eebench bench --suite quickstart\n"
      "Experiments in folders: eebench project, which is python -m eebench_analysis project");
  const std::vector<Choice> choices = add_commands(app, context);

  std::vector<std::string> reversed =
      arguments.empty() ? std::vector<std::string>{"bench", "--suite", "quickstart"} : arguments;
  std::reverse(reversed.begin(), reversed.end());
  try {
    app.parse(reversed);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() != 0) {
      throw_usage_error(app, error);
    }
    std::ostringstream text;
    app.exit(error, text, text);
    if (context.comm.is_root()) {
      std::cout << text.str() << std::flush;
    }
    return ExitCode::ok;
  }

  const auto chosen = std::find_if(choices.begin(), choices.end(),
                                   [](const Choice& choice) { return choice.app->parsed(); });
  if (chosen == choices.end()) {
    throw InputError("name a command (see eebench --help)");
  }
  // One process alone waits for nobody, and may have much to read.
  context.watchdog.enter(chosen->app->get_name(),
                         context.comm.size() > 1 ? context.phase_seconds : 0.0);
  const sys::PeerWatch watch(peers_of(context.comm));
  return chosen->run(context);
}

}  // namespace eebench::cli
