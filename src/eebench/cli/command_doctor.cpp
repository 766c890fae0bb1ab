#include <algorithm>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "eebench/cli/command.hpp"
#include "eebench/cli/doctor_findings.hpp"

namespace eebench::cli {
namespace {

struct Options {
  std::filesystem::path results = "results";
};

std::string_view mark(Level level) {
  switch (level) {
    case Level::fine:
      return "ok";
    case Level::notice:
      return "note";
    case Level::unusable:
      return "BAD";
  }
  return "";
}

std::string text_of(const Finding& finding, const std::string& where = "") {
  return fmt::format("{:<5}{:<11}{}{}\n{}", mark(finding.level), finding.topic, where, finding.fact,
                     finding.remedy.empty() ? "" : fmt::format("{:16}-> {}\n", "", finding.remedy));
}

/// What the others lack, on every rank; the root's own findings are printed anyway. \collective
std::string lacking_elsewhere(const comm::Communicator& comm, const std::vector<Finding>& own) {
  std::string text;
  for (const Finding& finding : own) {
    if (finding.level == Level::unusable && !comm.is_root()) {
      text += text_of(finding, fmt::format("[rank {}] ", comm.rank()));
    }
  }
  std::string all;
  for (const std::string& part : comm.all_gather(text)) {
    all += part;
  }
  return all;
}

// Every rank knows only its own place; the worst rank decides.
ExitCode look_around(const Options& options, Context& context) {
  context.watchdog.enter("doctor", 120);
  if (std::filesystem::exists(options.results) && !std::filesystem::is_directory(options.results)) {
    throw InputError(fmt::format("{}: not a folder; give one with -o", options.results.string()));
  }
  std::vector<Finding> findings = look_at_processes(context.comm);
  for (auto& more : {look_at_files(context.comm, options.results), look_at_devices()}) {
    findings.insert(findings.end(), more.begin(), more.end());
  }
  const bool usable = std::none_of(findings.begin(), findings.end(), [](const Finding& finding) {
    return finding.level == Level::unusable;
  });
  const std::string elsewhere = lacking_elsewhere(context.comm, findings);
  if (context.comm.is_root()) {
    for (const Finding& finding : findings) {
      fmt::print("{}", text_of(finding));
    }
    fmt::print("{}", elsewhere);
  }
  const bool all_usable = context.comm.all(usable);
  if (context.comm.is_root()) {
    fmt::print("{}\n", all_usable ? "This machine can run eebench."
                                  : "This machine cannot run eebench as it is; see BAD above.");
  }
  return all_usable ? ExitCode::ok : ExitCode::environment;
}

}  // namespace

Runner setup_doctor(CLI::App& app) {
  const auto options = std::make_shared<Options>();
  app.add_option("-o,--output", options->results, "Folder that results will be written to")
      ->check([](const std::string& folder) { return folder.empty() ? "name a folder" : ""; });
  return [options](Context& context) { return look_around(*options, context); };
}

}  // namespace eebench::cli
