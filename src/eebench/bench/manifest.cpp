#include "eebench/bench/manifest.hpp"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <numeric>
#include <set>
#include <sstream>
#include <string_view>
#include <variant>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "eebench/core/digest.hpp"
#include "eebench/core/error.hpp"
#include "eebench/core/version.hpp"
#include "eebench/sys/files.hpp"

namespace eebench::bench {
namespace {

/// Of the provenance: what times of one campaign must have in common, of one job size `cores` too.
constexpr std::string_view machine_keys[] = {
    "cpu",      "cores",     "governor", "device",     "eebench_version",
    "git_sha",  "git_dirty", "compiler", "build_type", "flags",
    "libtorch", "hdf5",      "mpi"};

std::string text_of(const std::filesystem::path& path) {
  std::ifstream stream(path);
  return {std::istreambuf_iterator<char>(stream), {}};
}

nlohmann::json to_json(const Manifest& manifest) {
  nlohmann::json shards = nlohmann::json::array();
  for (const Shard& shard : manifest.shards) {
    shards.push_back({{"repeat", shard.repeat},
                      {"ranks", shard.job.ranks},
                      {"threads", shard.job.threads},
                      {"nodes", shard.job.nodes},
                      {"points", shard.points}});
  }
  return {{"suite", manifest.suite},
          {"eebench_version", version},
          {"config_toml", manifest.config_toml},
          {"config_sha256", sha256(manifest.config_toml)},
          {"points", manifest.points},
          {"shards", shards}};
}

Manifest parse_manifest(const std::string& text, const std::string& origin) {
  Manifest manifest;
  bool whole = true;
  try {
    const nlohmann::json json = nlohmann::json::parse(text);
    json.at("suite").get_to(manifest.suite);
    json.at("config_toml").get_to(manifest.config_toml);
    json.at("points").get_to(manifest.points);
    // Before format 1.6 all jobs were of one size, before 1.5 all points were in one task.
    const JobSize all{.ranks = json.value("ranks", std::int64_t{1})};
    if (!json.contains("shards")) {
      manifest.shards.push_back({0, all, {}});
      manifest.shards[0].points.resize(manifest.points.size());
      std::iota(manifest.shards[0].points.begin(), manifest.shards[0].points.end(), 0);
    } else {
      for (const nlohmann::json& entry : json.at("shards")) {
        Shard& shard = manifest.shards.emplace_back();
        entry.at("repeat").get_to(shard.repeat);
        shard.job = {entry.value("ranks", all.ranks), entry.value("threads", all.threads),
                     entry.value("nodes", all.nodes)};
        entry.at("points").get_to(shard.points);
      }
    }
  } catch (const nlohmann::json::exception&) {
    whole = false;
  }
  const auto is_point = [&](std::int64_t point) {
    return point >= 0 && point < static_cast<std::int64_t>(manifest.points.size());
  };
  for (const Shard& shard : manifest.shards) {
    whole = whole && std::all_of(shard.points.begin(), shard.points.end(), is_point);
  }
  if (!whole) {
    throw InputError(
        fmt::format("{} is damaged; the tasks beside it can be read one by one, for the campaign "
                    "take another folder",
                    origin));
  }
  return manifest;
}

/// Lines of one configuration that the other has not.
std::string lines_missing(const std::string& here, const std::string& there) {
  const auto lines_of = [](const std::string& text) {
    std::set<std::string> lines;
    std::istringstream stream(text);
    for (std::string line; std::getline(stream, line);) {
      lines.insert(line);
    }
    return lines;
  };
  const std::set<std::string> ours = lines_of(here);
  const std::set<std::string> theirs = lines_of(there);
  std::vector<std::string> only;
  std::set_difference(ours.begin(), ours.end(), theirs.begin(), theirs.end(),
                      std::back_inserter(only));
  return only.empty() ? "(nothing)" : fmt::format("{}", fmt::join(only, ", "));
}

void check_same(const Manifest& now, const Manifest& before, const std::string& path) {
  const auto refuse = [&](const std::string& reason) {
    throw InputError(fmt::format("{} is another campaign ({}); give another -o", path, reason));
  };
  if (before.config_toml != now.config_toml) {
    refuse(fmt::format("asked for now: {}; there: {}",
                       lines_missing(now.config_toml, before.config_toml),
                       lines_missing(before.config_toml, now.config_toml)));
  }
  if (before.points != now.points) {
    refuse("weights, model configuration or data have changed since");
  }
}

void check_shard(const CampaignFolder& folder, std::size_t shards) {
  if (folder.shards != static_cast<std::int64_t>(shards)) {
    throw InputError(
        fmt::format("{} has {} shards, not {}; give --shard i/{}, or the folder of "
                    "another campaign",
                    folder.manifest().string(), shards, folder.shards, shards));
  }
}

void check_job(const CampaignFolder& folder, const JobSize& planned, const JobSize& job) {
  if (job != planned) {
    throw InputError(fmt::format(
        "{}: shard {} is for {}; this job has {}; start it as it was planned or give another -o",
        folder.manifest().string(), folder.shard, describe(planned), describe(job)));
  }
}

nlohmann::json machine_of(const Attributes& provenance, const JobSize& job) {
  nlohmann::json machine = {{"job", describe(job)}};
  for (const std::string_view key : machine_keys) {
    if (const auto found = provenance.find(std::string(key)); found != provenance.end()) {
      std::visit([&](const auto& value) { machine[key] = value; }, found->second);
    }
  }
  return machine;
}

/// Against those of all tasks that have been begun, this one too.
void check_machine(const nlohmann::json& machine, const CampaignFolder& folder) {
  if (!std::filesystem::exists(folder.tasks())) {
    return;
  }
  for (const auto& task : std::filesystem::directory_iterator(folder.tasks())) {
    const std::filesystem::path path = task.path() / "machine.json";
    const auto there = nlohmann::json::parse(text_of(path), nullptr, false);
    if (!there.is_object()) {
      continue;  // not begun yet
    }
    for (const auto& [key, value] : machine.items()) {
      // Fewer ranks may be bound to fewer cores.
      if (key == "job" || (key == "cores" && there.value("job", "") != machine.at("job"))) {
        continue;
      }
      if (there.value(key, nlohmann::json()) != value) {
        throw InputError(fmt::format(
            "{} was measured with {} = {}, now it is {}: such times do not belong into one "
            "campaign; go on as it was begun or give another -o",
            task.path().string(), key, there.value(key, nlohmann::json()).dump(), value.dump()));
      }
    }
  }
}

}  // namespace

std::string array_of(std::span<const std::int64_t> shards) {
  std::string text;
  for (std::size_t i = 0; i < shards.size();) {
    std::size_t end = i + 1;
    while (end < shards.size() && shards[end] == shards[end - 1] + 1) {
      ++end;
    }
    text += text.empty() ? "" : ",";
    text += end - i == 1 ? fmt::format("{}", shards[i])
                         : fmt::format("{}-{}", shards[i], shards[end - 1]);
    i = end;
  }
  return text;
}

std::vector<Shard> split(std::span<const Point> points, std::span<const double> seconds,
                         std::int64_t parts, std::span<const JobSize> jobs, std::int64_t repeats,
                         std::uint64_t seed) {
  std::vector<std::int64_t> order = shuffled(static_cast<std::int64_t>(points.size()), seed);
  const auto model_of = [&](std::int64_t p) { return points[static_cast<std::size_t>(p)].model; };
  std::stable_sort(order.begin(), order.end(),
                   [&](std::int64_t a, std::int64_t b) { return model_of(a) < model_of(b); });
  const double total = std::accumulate(seconds.begin(), seconds.end(), 0.0);
  std::vector<Shard> once(static_cast<std::size_t>(parts));
  double before = 0.0;
  for (const std::int64_t point : order) {
    const double own = seconds[static_cast<std::size_t>(point)];
    const double middle = (before + 0.5 * own) / total;
    before += own;
    const auto part = static_cast<std::size_t>(middle * static_cast<double>(parts));
    once[std::min(part, once.size() - 1)].points.push_back(point);
  }
  std::erase_if(once, [](const Shard& shard) { return shard.points.empty(); });
  for (Shard& shard : once) {
    std::sort(shard.points.begin(), shard.points.end());
  }
  std::vector<Shard> shards;
  for (const JobSize& job : jobs) {
    for (std::int64_t repeat = 0; repeat < repeats; ++repeat) {
      for (Shard shard : once) {
        shard.repeat = repeat;
        shard.job = job;
        shards.push_back(std::move(shard));
      }
    }
  }
  return shards;
}

Manifest make_manifest(const Suite& suite, std::span<const Point> points,
                       std::vector<Shard> shards) {
  Manifest manifest{suite.name, to_toml(suite), {}, std::move(shards)};
  for (const Point& point : points) {
    manifest.points.push_back(point.id);
  }
  return manifest;
}

Manifest read_manifest(const std::filesystem::path& path) {
  sys::check_is_file(path);
  return parse_manifest(text_of(path), path.string());
}

void write_manifest(const Manifest& manifest, const std::filesystem::path& path) {
  sys::publish_text(path, to_json(manifest).dump(2) + "\n");
}

Manifest claim_shard(const comm::Communicator& comm, const CampaignFolder& folder,
                     const Suite& suite, std::span<const Point> points, const JobSize& job,
                     const Attributes& provenance, bool resume) {
  std::string text;
  comm.agree([&] {
    if (!comm.is_root()) {
      return;
    }
    const std::vector<double> equal(points.size(), 1.0);
    const Manifest now = make_manifest(
        suite, points, split(points, equal, folder.shards, std::span(&job, 1), 1, suite.seed));
    if (std::filesystem::exists(folder.manifest())) {
      const Manifest before = read_manifest(folder.manifest());
      check_same(now, before, folder.manifest().string());
      check_shard(folder, before.shards.size());
      check_job(folder, before.shards[static_cast<std::size_t>(folder.shard)].job, job);
      if (std::filesystem::exists(folder.task()) && !resume) {
        throw InputError(fmt::format(
            "{} holds a campaign already; add --resume to go on with it or give another -o",
            folder.root.string()));
      }
    } else {
      check_shard(folder, now.shards.size());
    }
    const nlohmann::json machine = machine_of(provenance, job);
    check_machine(machine, folder);
    sys::make_writable_folder(folder.task());
    sys::make_writable_folder(folder.scores("any").parent_path());
    if (!std::filesystem::exists(folder.manifest())) {
      // Shards that begin at the same time write the same: each beside its own task.
      const std::filesystem::path own = folder.task() / "manifest.json";
      write_manifest(now, own);
      std::filesystem::rename(own, folder.manifest());
    }
    sys::publish_text(folder.task() / "machine.json", machine.dump(2) + "\n");
    text = text_of(folder.manifest());
  });
  return parse_manifest(comm.broadcast(text), folder.manifest().string());
}

}  // namespace eebench::bench
