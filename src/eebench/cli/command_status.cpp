#include <chrono>
#include <cmath>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <unistd.h>

#include "eebench/bench/shard_status.hpp"
#include "eebench/cli/command.hpp"
#include "eebench/report/campaign_status.hpp"
#include "eebench/sys/environment.hpp"
#include "eebench/sys/files.hpp"

namespace eebench::cli {
namespace {

struct Options {
  std::string campaign;
  double lost_after = 30.0;
  double watch = 0.0;
  std::string page;
};

/// Prints where the campaign stands, again and again if it is watched, until all shards have ended.
void show(const Options& options) {
  const bench::CampaignFolder folder{options.campaign};
  const bench::Manifest manifest = bench::read_manifest(folder.manifest());
  if (!options.page.empty()) {
    sys::check_writable(options.page);
  }
  const bool watched = options.watch > 0.0;
  const char* const clear = watched && isatty(STDOUT_FILENO) == 1 ? "\033[H\033[2J" : "";
  std::string printed;
  while (true) {
    const std::vector<bench::ShardStatus> shards =
        bench::shard_statuses(folder.root, manifest, 60.0 * options.lost_after);
    if (!options.page.empty()) {
      sys::publish_text(options.page,
                        report::status_page(folder.root, shards, sys::utc_now(),
                                            static_cast<int>(std::ceil(options.watch))));
    }
    const std::string text = report::status_text(folder.root, shards);
    if (text != printed) {
      fmt::print("{}{}", clear, text);
      std::fflush(stdout);
      printed = text;
    }
    if (!watched || report::all_ended(shards)) {
      return;
    }
    std::this_thread::sleep_for(std::chrono::duration<double>(options.watch));
  }
}

ExitCode run_status(const Options& options, Context& context) {
  context.comm.agree([&] {
    if (context.comm.is_root()) {
      show(options);
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
      ->check(above_zero)
      ->capture_default_str();
  app.add_flag("--watch{2}", o->watch,
               "Look again every 2 seconds, or --watch=SECONDS, until all shards have ended")
      ->check(above_zero);
  app.add_option("--page", o->page,
                 "HTML file to write each time; it loads itself anew while it is watched")
      ->check(named("file"));
  return [o](Context& context) { return run_status(*o, context); };
}

}  // namespace eebench::cli
