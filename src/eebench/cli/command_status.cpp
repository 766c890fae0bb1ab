#include <memory>
#include <string>

#include <fmt/format.h>

#include "eebench/bench/shard_status.hpp"
#include "eebench/cli/command.hpp"
#include "eebench/report/campaign_status.hpp"

namespace eebench::cli {
namespace {

struct Options {
  std::string campaign;
  double lost_after = 30.0;
};

ExitCode run_status(const Options& options, Context& context) {
  context.comm.agree([&] {
    if (context.comm.is_root()) {
      const bench::CampaignFolder folder{options.campaign};
      fmt::print("{}", report::status_text(folder.root,
                                           bench::shard_statuses(
                                               folder.root, bench::read_manifest(folder.manifest()),
                                               60.0 * options.lost_after)));
    }
  });
  return ExitCode::ok;
}

}  // namespace

Runner setup_status(CLI::App& app) {
  const auto o = std::make_shared<Options>();
  app.add_option("campaign", o->campaign, "Folder of the campaign")
      ->required()
      ->check(named("campaign"));
  app.add_option("--lost-after", o->lost_after,
                 "Minutes without a finished point after which a shard counts as lost; whether its "
                 "processes live cannot be told from files")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  return [o](Context& context) { return run_status(*o, context); };
}

}  // namespace eebench::cli
