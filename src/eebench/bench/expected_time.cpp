#include "eebench/bench/expected_time.hpp"

#include <cmath>
#include <map>
#include <string>

#include <fmt/format.h>

#include "eebench/bench/campaign.hpp"
#include "eebench/bench/effort.hpp"
#include "eebench/bench/journal.hpp"
#include "eebench/bench/manifest.hpp"
#include "eebench/bench/recorder.hpp"
#include "eebench/bench/task_reader.hpp"
#include "eebench/core/error.hpp"

namespace eebench::bench {
namespace {

struct Sum {
  double seconds = 0.0;
  double points = 0.0;
};

std::string kind_of(const std::string& model, std::string_view scenario, double batch) {
  return fmt::format("model {}, scenario {}, batch {}", model, scenario, batch);
}

}  // namespace

ExpectedTime time_by_effort(const Suite& suite, std::span<const Point> points) {
  const Effort& effort = parse_effort(suite.effort);
  return {std::vector<double>(points.size(), effort.min_seconds),
          std::vector<double>(points.size(), effort.max_warmup_seconds + effort.max_seconds)};
}

ExpectedTime time_as_in(const std::filesystem::path& campaign, const Suite& suite,
                        std::span<const Point> points) {
  CampaignFolder folder{campaign};
  const Manifest manifest = read_manifest(folder.manifest());
  std::map<std::string, Sum> sums;
  for (; folder.shard < static_cast<std::int64_t>(manifest.shards.size()); ++folder.shard) {
    if (!std::filesystem::exists(folder.task_file())) {
      continue;
    }
    const TaskReader task(folder.task_file());
    if (const std::string effort = task.attribute("effort"); effort != suite.effort) {
      throw InputError(
          fmt::format("{} was measured with effort {}, this suite asks for {}; name a "
                      "campaign of that effort",
                      folder.task_file().string(), effort, suite.effort));
    }
    const std::vector<std::string> models = task.names("model");
    const std::vector<std::string> scenarios = task.names("scenario");
    const std::vector<double> batches = task.values("batch");
    for (const JournalEntry& entry : Journal(Recorder::journal_file(folder.task())).read()) {
      const auto point = static_cast<std::size_t>(entry.point);
      if (entry.ok && point < task.points() && !std::isnan(entry.seconds)) {
        Sum& sum = sums[kind_of(models[point], scenarios[point], batches[point])];
        sum.seconds += entry.seconds;
        sum.points += 1.0;
      }
    }
  }
  ExpectedTime time;
  for (const Point& point : points) {
    const std::string kind = kind_of(suite.models[static_cast<std::size_t>(point.model)].name,
                                     name(point.scenario), static_cast<double>(point.batch));
    const auto found = sums.find(kind);
    if (found == sums.end()) {
      throw InputError(fmt::format(
          "{}: no time of a finished point of {}; name a campaign that measured such points",
          campaign.string(), kind));
    }
    time.least.push_back(found->second.seconds / found->second.points);
  }
  time.most = time.least;
  return time;
}

}  // namespace eebench::bench
