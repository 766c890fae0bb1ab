#include <memory>
#include <string>

#include <fmt/format.h>

#include "eebench/bench/merge.hpp"
#include "eebench/bench/task_reader.hpp"
#include "eebench/cli/command.hpp"
#include "eebench/report/campaign_report.hpp"

namespace eebench::cli {
namespace {

struct Options {
  std::string campaign;
  bool partial = false;
};

ExitCode run_merge(const Options& options, Context& context) {
  bench::Merged merged;
  context.comm.agree([&] {
    if (!context.comm.is_root()) {
      return;
    }
    const bench::CampaignFolder folder{options.campaign};
    merged = bench::merge(folder.root, options.partial);
    report::write_summaries(folder, bench::TaskReader(folder.merged()));
    fmt::print(
        "{}: {} points, {} failed, {} missing (with summary.md and summary.csv)\n"
        "Open it: xarray.open_dataset(\"{}\", engine=\"h5netcdf\")\n",
        folder.merged().string(), merged.points, merged.failed, merged.missing,
        folder.merged().string());
  });
  const bool whole = context.comm.all(merged.failed == 0);
  return whole ? ExitCode::ok : ExitCode::points_failed;
}

}  // namespace

Runner setup_merge(CLI::App& app) {
  const auto o = std::make_shared<Options>();
  app.add_option("campaign", o->campaign, "Folder of the campaign")
      ->required()
      ->check(named("campaign"));
  app.add_flag("--partial", o->partial, "Leave out tasks that are not finished");
  return [o](Context& context) { return run_merge(*o, context); };
}

}  // namespace eebench::cli
