#include "eebench/bench/merge.hpp"

#include <algorithm>
#include <iterator>
#include <map>
#include <numeric>
#include <tuple>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "eebench/bench/journal.hpp"
#include "eebench/bench/recorder.hpp"
#include "eebench/bench/schema.hpp"
#include "eebench/bench/task_reader.hpp"
#include "eebench/core/error.hpp"
#include "eebench/h5/file.hpp"
#include "eebench/sys/files.hpp"

namespace eebench::bench {
namespace {

/// Root attributes in which the tasks of a campaign may differ.
constexpr const char* of_one_run[] = {"campaign",     "command_line", "start_utc",
                                      "load_average", "environment",  "energy_counters"};

struct Task {
  CampaignFolder folder;
  const Shard* shard;
};

std::string relative(const CampaignFolder& folder) {
  return std::filesystem::relative(folder.task_file(), folder.root).string();
}

/// The ids of the shard's points, and none pending.
void check_points(const Task& task, const Manifest& manifest) {
  const TaskReader reader(task.folder.task_file());
  std::vector<std::string> ids;
  for (const std::int64_t point : task.shard->points) {
    ids.push_back(manifest.points[static_cast<std::size_t>(point)]);
  }
  if (reader.texts("point_id") != ids) {
    throw InputError(fmt::format(
        "{} does not hold the points that manifest.json gives it; measure that shard again",
        task.folder.task_file().string()));
  }
  const std::vector<std::string> states = reader.names("state");
  const auto pending = std::count_if(states.begin(), states.end(), [](const std::string& state) {
    return state != "ok" && state != "failed";
  });
  if (pending > 0) {
    throw InputError(
        fmt::format("{}: {} points are not measured; go on with that shard by --resume",
                    task.folder.task_file().string(), pending));
  }
}

/// Those that say how large a job was, and whether it had more threads than cores: of the merged
/// file the largest.
constexpr const char* of_one_job[] = {"mpi_size", "threads_per_rank", "cores", "oversubscribed"};

/// Axes of a task's variable but the first: those of `like`, for as many ranks as the task had.
h5::Extents axes_of(const VariableSpec& spec, const h5::Dataset& like, const Task& task) {
  h5::Extents axes(like.shape().begin() + 1, like.shape().end());
  for (std::size_t axis = 0; axis < axes.size(); ++axis) {
    if (spec.dimensions[axis] == Dimension::rank) {
      axes[axis] = static_cast<hsize_t>(task.shard->job.ranks);
    }
  }
  return axes;
}

/// What all tasks must have in common: program, machine, suite, sizes. `first`: the file of one.
void check_alike(const Task& task, const h5::File& file, const h5::File& first) {
  const auto refuse = [&](const std::string& what) {
    throw InputError(fmt::format(
        "{} and {} differ in {}: such results do not belong into one file; measure one again",
        first.where(), file.where(), what));
  };
  std::vector<std::string> names = first.attribute_names();
  const std::vector<std::string> others = file.attribute_names();
  names.insert(names.end(), others.begin(), others.end());
  for (const std::string& name : names) {
    const auto is_among = [&](const auto& own) {
      return std::find(std::begin(own), std::end(own), name) != std::end(own);
    };
    if (!is_among(of_one_run) && !is_among(of_one_job) && !file.same_attribute(first, name)) {
      refuse("the attribute " + name);
    }
  }
  for (const VariableSpec& spec : schema()) {
    for (const std::string& name : names_of(spec)) {
      const h5::Extents shape = file.dataset(name).shape();
      if (h5::Extents(shape.begin() + 1, shape.end()) != axes_of(spec, first.dataset(name), task)) {
        refuse("the shape of " + name);
      }
    }
  }
}

/// Tasks that are finished; of the others a few words each in `missing`.
std::vector<Task> finished_tasks(const std::filesystem::path& campaign, const Manifest& manifest,
                                 std::vector<std::int64_t>& missing, std::string& words) {
  std::vector<Task> tasks;
  CampaignFolder folder{campaign, 0, static_cast<std::int64_t>(manifest.shards.size())};
  for (const Shard& shard : manifest.shards) {
    if (std::filesystem::exists(folder.task_file())) {
      tasks.push_back({folder, &shard});
    } else {
      const std::size_t safe = Journal(Recorder::journal_file(folder.task())).read().size();
      words += fmt::format("{}{} ({} of {} points)", words.empty() ? "" : ", ", relative(folder),
                           safe, shard.points.size());
      missing.push_back(folder.shard);
    }
    ++folder.shard;
  }
  return tasks;
}

void copy_dimension(h5::File& file, const h5::File& from, const std::string& name) {
  const h5::Dataset scale = from.dataset(name);
  if (scale.is_text()) {
    file.dimension(name, scale.read_texts());
  } else if (scale.holds<double>()) {
    file.dimension(name, scale.read<double>());
  } else if (scale.holds<std::int64_t>()) {
    file.dimension(name, scale.read<std::int64_t>());
  } else {
    file.dimension(name, scale.read<std::int32_t>());
  }
}

/// Places of each task's points in the merged file: in the order of job sizes, then of repeats,
/// then of the grid.
std::vector<std::vector<hsize_t>> rows_of(const std::vector<Task>& tasks) {
  using Place = std::tuple<JobSize, std::int64_t, std::int64_t>;
  std::vector<Place> all;
  for (const Task& task : tasks) {
    for (const std::int64_t point : task.shard->points) {
      all.emplace_back(task.shard->job, task.shard->repeat, point);
    }
  }
  std::sort(all.begin(), all.end());
  std::vector<std::vector<hsize_t>> rows;
  for (const Task& task : tasks) {
    std::vector<hsize_t>& own = rows.emplace_back();
    for (const std::int64_t point : task.shard->points) {
      const Place place{task.shard->job, task.shard->repeat, point};
      own.push_back(
          static_cast<hsize_t>(std::lower_bound(all.begin(), all.end(), place) - all.begin()));
    }
  }
  return rows;
}

/// Of each task; empty for ranks that it had not.
void write_hosts(h5::File& file, const std::vector<Task>& tasks, const h5::File& first) {
  const std::size_t ranks = first.dataset("rank").length();
  std::vector<std::int32_t> shards;
  std::vector<std::string> hosts;
  for (const Task& task : tasks) {
    shards.push_back(static_cast<std::int32_t>(task.folder.shard));
    const std::vector<std::string> own = TaskReader(task.folder.task_file()).texts("rank_host");
    hosts.insert(hosts.end(), own.begin(), own.end());
    hosts.resize(shards.size() * ranks);
  }
  file.dimension("task", shards);
  h5::Dataset dataset = file.create_texts("rank_host", {"task", "rank"}, 64);
  dataset.write(hosts);
  for (const std::string name : {"long_name", "units", "mark"}) {
    dataset.copy_attribute(first.dataset("rank_host"), name);
  }
}

/// `sizes`: the largest values of the attributes of_one_job.
void write_merged(const std::filesystem::path& path, const std::vector<Task>& tasks,
                  const std::map<std::string, std::int64_t>& sizes, std::int64_t missing) {
  const auto widest = std::max_element(
      tasks.begin(), tasks.end(),
      [](const Task& a, const Task& b) { return a.shard->job.ranks < b.shard->job.ranks; });
  const h5::File first = h5::File::open(widest->folder.task_file());
  h5::File file = h5::File::create(path);
  for (const std::string& name : first.attribute_names()) {
    file.copy_attribute(first, name);
  }
  for (const auto& [name, value] : sizes) {
    file.set_attribute(name, value);
  }
  file.set_attribute("n_missing", missing);
  std::vector<h5::RowSource> sources;
  std::size_t points = 0;
  for (std::vector<hsize_t>& rows : rows_of(tasks)) {
    points += rows.size();
    sources.push_back({relative(tasks[sources.size()].folder), std::move(rows), {}});
  }
  std::vector<std::int32_t> numbers(points);
  std::iota(numbers.begin(), numbers.end(), 0);
  file.dimension("point", numbers);
  for (const Dimension dimension :
       {Dimension::exit, Dimension::class_, Dimension::rank, Dimension::sample,
        Dimension::percentile, Dimension::multiplicity}) {
    copy_dimension(file, first, std::string(name(dimension)));
  }
  write_hosts(file, tasks, first);
  for (const VariableSpec& spec : schema()) {
    for (const std::string& name : names_of(spec)) {
      const h5::Dataset like = first.dataset(name);
      for (std::size_t i = 0; i < tasks.size(); ++i) {
        sources[i].axes = axes_of(spec, like, tasks[i]);
      }
      h5::Dataset variable = file.create_virtual(name, dimensions_of(spec), like, sources);
      for (const std::string attribute :
           {"long_name", "units", "mark", "flag_values", "flag_meanings"}) {
        if (like.has_attribute(attribute)) {
          variable.copy_attribute(like, attribute);
        }
      }
    }
  }
  file.close();
}

}  // namespace

Merged merge(const std::filesystem::path& campaign, bool partial) {
  const Manifest manifest = read_manifest(CampaignFolder{campaign}.manifest());
  std::vector<std::int64_t> missing;
  std::string words;
  const std::vector<Task> tasks = finished_tasks(campaign, manifest, missing, words);
  if (tasks.empty() || (!missing.empty() && !partial)) {
    throw InputError(
        fmt::format("{}: {} of {} tasks are not finished: {}; measure them (--array={}){}",
                    campaign.string(), missing.size(), manifest.shards.size(), words,
                    array_of(missing), tasks.empty() ? "" : ", or merge the others by --partial"));
  }
  Merged merged;
  const h5::File first = h5::File::open(tasks.front().folder.task_file());
  std::map<std::string, std::int64_t> sizes;
  for (const Task& task : tasks) {
    check_points(task, manifest);
    const h5::File file = h5::File::open(task.folder.task_file());
    check_alike(task, file, first);
    for (const std::string name : of_one_job) {
      sizes[name] = std::max(sizes[name], file.attribute<std::int64_t>(name));
    }
    merged.points += static_cast<std::int64_t>(task.shard->points.size());
  }
  for (const std::int64_t shard : missing) {
    merged.missing +=
        static_cast<std::int64_t>(manifest.shards[static_cast<std::size_t>(shard)].points.size());
  }
  const std::filesystem::path path = CampaignFolder{campaign}.merged();
  sys::publish(path, [&](const std::filesystem::path& temporary) {
    write_merged(temporary, tasks, sizes, merged.missing);
  });
  for (const std::string& state : TaskReader(path).names("state")) {
    merged.failed += state == "failed" ? 1 : 0;
  }
  return merged;
}

}  // namespace eebench::bench
