#include "eebench/cli/suite_options.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "eebench/bench/manifest.hpp"
#include "eebench/core/digest.hpp"
#include "eebench/core/names.hpp"
#include "eebench/sys/environment.hpp"
#include "eebench/sys/resource.hpp"

namespace eebench::cli {
namespace {

/// A TOML file, or the name of one that travels along.
std::filesystem::path suite_file(const std::string& suite) {
  if (suite.ends_with(".toml")) {
    return suite;
  }
  const std::filesystem::path folder = sys::find_resource("suites");
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() == ".toml") {
      names.push_back(entry.path().stem());
    }
  }
  if (std::find(names.begin(), names.end(), suite) == names.end()) {
    throw_unknown("suite", suite, "", names);
  }
  return folder / (suite + ".toml");
}

}  // namespace

void add_suite_options(CLI::App& app, SuiteOptions& o) {
  app.add_option_function<std::string>(
         "--suite",
         [&o](const std::string& name) {
           o.suite = name;
           o.is_named = true;
         },
         "Name of `eebench list suites` or a TOML file; without it the suite of the campaign in -o")
      ->default_str(o.suite);
  app.add_option("-a,--axis", o.overrides,
                 "Replaces an axis or setting of the suite, repeatable: threshold=0.5:0.9:0.1, "
                 "batch=[1,64], rule=margin, model=..., scenario=..., data=FILE, jets=2000, "
                 "run_jets=500, choose={data=\"FILE\",loss=0.001}, seed=1, deterministic=true")
      ->allow_extra_args(false);
  app.add_option("--effort", o.effort, "smoke, quick, standard or official; default: the suite's");
  app.add_option("-o,--output", o.output,
                 "Folder of the campaign; default: results/<suite>-<UTC>-<hash>")
      ->check(named("folder"));
  app.add_option("--device", o.device, "cpu or cuda (one GPU per local rank); default: the suite's")
      ->check(CLI::IsMember({"cpu", "cuda"}));
}

ChosenSuite choose_suite(const SuiteOptions& options) {
  std::vector<std::string> overrides = options.overrides;
  if (!options.effort.empty()) {
    overrides.push_back("effort=" + options.effort);
  }
  if (!options.device.empty()) {
    overrides.push_back("device=" + options.device);
  }
  const bench::CampaignFolder folder{options.output};
  if (!options.is_named && !options.output.empty() && std::filesystem::exists(folder.manifest())) {
    const std::string origin = folder.manifest().string();
    const std::string text = bench::read_manifest(origin).config_toml;  // its paths are absolute
    return {bench::parse_suite(text, origin, "/", overrides), origin, sha256(text)};
  }
  const std::filesystem::path file = suite_file(options.suite);
  return {bench::load_suite(file, overrides), options.suite, sha256_file(file)};
}

std::string campaign_folder(const SuiteOptions& options, const bench::Suite& suite) {
  if (!options.output.empty()) {
    return options.output;
  }
  std::string stamp;
  for (const char c : sys::utc_now()) {
    if (c != '-' && c != ':') {
      stamp += c;
    }
  }
  return fmt::format("results/{}-{}-{}", suite.name, stamp,
                     sha256(bench::to_toml(suite)).substr(0, 8));
}

}  // namespace eebench::cli
