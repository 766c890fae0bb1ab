#include "eebench/bench/manifest.hpp"

#include <fstream>
#include <sstream>
#include <string_view>
#include <variant>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "eebench/core/digest.hpp"
#include "eebench/core/error.hpp"
#include "eebench/core/version.hpp"
#include "eebench/sys/files.hpp"

namespace eebench::bench {
namespace {

/// Of the provenance: what times of one file must have in common.
constexpr std::string_view machine_keys[] = {"cpu", "cores", "threads_per_rank"};

nlohmann::json manifest_of(const Suite& suite, std::span<const Point> points,
                           const Attributes& provenance, int ranks) {
  nlohmann::json ids = nlohmann::json::array();
  for (const Point& point : points) {
    ids.push_back(point.id);
  }
  nlohmann::json machine = nlohmann::json::object();
  for (const std::string_view key : machine_keys) {
    if (const auto found = provenance.find(std::string(key)); found != provenance.end()) {
      std::visit([&](const auto& value) { machine[key] = value; }, found->second);
    }
  }
  const std::string toml = to_toml(suite);
  return {{"suite", suite.name}, {"eebench_version", version},
          {"config_toml", toml}, {"config_sha256", sha256(toml)},
          {"machine", machine},  {"ranks", ranks},
          {"points", ids}};
}

/// First line of one configuration that the other has not.
std::string first_difference(const std::string& ours, const std::string& theirs) {
  std::istringstream left(ours);
  std::istringstream right(theirs);
  std::string a;
  std::string b;
  while (true) {
    const bool more_left = static_cast<bool>(std::getline(left, a));
    const bool more_right = static_cast<bool>(std::getline(right, b));
    if (!more_left && !more_right) {
      return "";
    }
    if (a != b) {
      return fmt::format("asked for now: {}; there: {}", more_left ? a : "(nothing)",
                         more_right ? b : "(nothing)");
    }
  }
}

void check_same(const nlohmann::json& now, const std::filesystem::path& path) {
  std::ifstream stream(path);
  const auto before = nlohmann::json::parse(stream, nullptr, false);
  if (!before.is_object()) {
    throw InputError(fmt::format("{} is damaged; give another -o", path.string()));
  }
  const auto refuse = [&](const std::string& reason) {
    throw InputError(
        fmt::format("{} is another campaign ({}); give another -o", path.string(), reason));
  };
  if (before.value("config_sha256", "") != now["config_sha256"].get<std::string>()) {
    refuse(first_difference(now["config_toml"], before.value("config_toml", "")));
  }
  if (before.value("ranks", 0) != now["ranks"].get<int>()) {
    refuse(fmt::format("asked for now: {} ranks; there: {}", now["ranks"].get<int>(),
                       before.value("ranks", 0)));
  }
  for (const auto& [key, value] : now["machine"].items()) {
    const nlohmann::json there = before.value("machine", nlohmann::json::object())[key];
    if (there != value) {
      throw InputError(fmt::format(
          "{} was measured with {} = {}, now it is {}: such times do not belong into one "
          "file; resume as it was begun or give another -o",
          path.string(), key, there.dump(), value.dump()));
    }
  }
  if (before.value("points", nlohmann::json::array()) != now["points"]) {
    refuse("weights, model configuration or data have changed since");
  }
}

}  // namespace

void write_or_check_manifest(const comm::Communicator& comm, const CampaignFolder& folder,
                             const Suite& suite, std::span<const Point> points,
                             const Attributes& provenance, bool resume) {
  comm.agree([&] {
    if (!comm.is_root()) {
      return;
    }
    const nlohmann::json manifest = manifest_of(suite, points, provenance, comm.size());
    const std::filesystem::path path = folder.manifest();
    if (std::filesystem::exists(path)) {
      if (!resume) {
        throw InputError(fmt::format(
            "{} holds a campaign already; add --resume to go on with it or give another -o",
            folder.root.string()));
      }
      check_same(manifest, path);
      return;
    }
    sys::make_writable_folder(folder.task());
    sys::make_writable_folder(folder.scores("any").parent_path());
    sys::publish_text(path, manifest.dump(2) + "\n");
  });
}

}  // namespace eebench::bench
