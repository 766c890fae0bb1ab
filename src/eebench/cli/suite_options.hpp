#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "eebench/bench/suite.hpp"
#include "eebench/cli/command.hpp"

namespace eebench::cli {

/// Which suite to measure or plan, and where.
struct SuiteOptions {
  std::string suite = "quickstart";
  std::vector<std::string> overrides;
  std::string effort;
  std::string output;
  std::string device;
  bool is_named = false;  ///< whether --suite was given
};

/// Declares --suite, --axis, --effort, --output and --device.
void add_suite_options(CLI::App& app, SuiteOptions& options);

struct ChosenSuite {
  bench::Suite suite;
  std::string origin;  ///< the file
  std::string sha256;  ///< of the file; resolved paths may differ where nodes mount differently
};

/// The suite that is named; where none is, but --output is a campaign, that campaign's.
ChosenSuite choose_suite(const SuiteOptions& options);

/// --output, or results/<suite>-<UTC>-<hash of the suite>.
std::string campaign_folder(const SuiteOptions& options, const bench::Suite& suite);

}  // namespace eebench::cli
