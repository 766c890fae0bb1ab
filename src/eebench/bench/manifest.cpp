#include "eebench/bench/manifest.hpp"

#include <fstream>
#include <sstream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "eebench/core/digest.hpp"
#include "eebench/core/error.hpp"
#include "eebench/core/version.hpp"
#include "eebench/sys/files.hpp"

namespace eebench::bench {
namespace {

nlohmann::json manifest_of(const Suite& suite, std::span<const Point> points, int ranks) {
  nlohmann::json ids = nlohmann::json::array();
  for (const Point& point : points) {
    ids.push_back(point.id);
  }
  const std::string toml = to_toml(suite);
  return {{"suite", suite.name}, {"eebench_version", version},
          {"config_toml", toml}, {"config_sha256", sha256(toml)},
          {"ranks", ranks},      {"points", ids}};
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
  if (before.value("points", nlohmann::json::array()) != now["points"]) {
    refuse("weights, model configuration or data have changed since");
  }
}

}  // namespace

void write_or_check_manifest(const comm::Communicator& comm, const CampaignFolder& folder,
                             const Suite& suite, std::span<const Point> points, bool resume) {
  comm.agree([&] {
    if (!comm.is_root()) {
      return;
    }
    const nlohmann::json manifest = manifest_of(suite, points, comm.size());
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
    std::error_code error;
    std::filesystem::create_directories(folder.task(), error);
    std::filesystem::create_directories(folder.scores("any").parent_path(), error);
    if (error) {
      throw IoError(fmt::format("cannot write into {}: {}; give another -o", folder.root.string(),
                                error.message()));
    }
    sys::publish_text(path, manifest.dump(2) + "\n");
  });
}

}  // namespace eebench::bench
