#include "eebench/deploy/plan.hpp"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <numeric>

#include <fmt/format.h>
#include <toml++/toml.h>

#include "eebench/core/error.hpp"
#include "eebench/exits/rule.hpp"
#include "eebench/model/settings.hpp"
#include "eebench/sys/files.hpp"

namespace eebench::deploy {
namespace {

constexpr std::int64_t most = 1'000'000'000;

void require(bool right, const std::string& where, const std::string& what) {
  if (!right) {
    throw InputError(fmt::format("{}: {}", where, what));
  }
}

void require_range(const std::string& where, const std::string& key, std::int64_t value,
                   std::int64_t lowest) {
  require(lowest <= value && value <= most, where,
          fmt::format("{} must be from {} to {}, not {}", key, lowest, most, value));
}

Link read_link(const toml::table* table, const std::string& name, const std::string& where) {
  double latency_ms = 0.0;
  double bandwidth_mbit = std::numeric_limits<double>::infinity();
  model::Settings settings(table, name, where);
  settings.read("latency_ms", latency_ms);
  settings.read("bandwidth_mbit", bandwidth_mbit);
  settings.finish();
  require(latency_ms >= 0.0 && latency_ms <= 1e5, where,
          fmt::format("latency_ms of [{}] must be from 0 to 100000, not {:g}", name, latency_ms));
  require(bandwidth_mbit > 0.0, where,
          fmt::format("bandwidth_mbit of [{}] must be above 0, not {:g}", name, bandwidth_mbit));
  return {latency_ms / 1e3, bandwidth_mbit * 1e6 / 8.0};
}

Tier read_tier(const toml::table& table, std::size_t number, const std::string& where) {
  Tier tier;
  const std::string place = fmt::format("tiers.{}", number);
  model::Settings settings(&table, place, where);
  settings.read("name", tier.name);
  settings.read("segments", tier.segments);
  settings.read("ranks", tier.ranks);
  if (table.contains("threshold") && !table["threshold"].is_array()) {
    settings.read("threshold", tier.thresholds.emplace_back());
  } else {
    settings.read("threshold", tier.thresholds);
  }
  settings.ignore("link");
  settings.finish();
  require(!tier.name.empty() && tier.name.find('/') == std::string::npos, where,
          fmt::format("[{}] needs a name, without '/'", place));
  require_range(where, fmt::format("segments of tier '{}'", tier.name), tier.segments, 1);
  require_range(where, fmt::format("ranks of tier '{}'", tier.name), tier.ranks, 1);
  if (const toml::node* link = table.get("link")) {
    require(link->is_table(), where,
            fmt::format("link of tier '{}' must be {{latency_ms = ..., bandwidth_mbit = ...}}",
                        tier.name));
    require(number > 0, where,
            fmt::format("tier '{}' is the first, where no link leads to", tier.name));
    tier.link = read_link(link->as_table(), place + ".link", where);
  }
  return tier;
}

std::vector<Tier> read_tiers(const toml::table& table, const std::string& where) {
  const toml::array* tables = table["tiers"].as_array();
  require(tables != nullptr && !tables->empty() && tables->is_array_of_tables(), where,
          "[[tiers]] are missing; write one for each tier, the first reads the jets");
  std::vector<Tier> tiers;
  for (const toml::node& node : *tables) {
    Tier tier = read_tier(*node.as_table(), tiers.size(), where);
    require(std::none_of(tiers.begin(), tiers.end(),
                         [&](const Tier& other) { return other.name == tier.name; }),
            where, fmt::format("two tiers are called '{}'", tier.name));
    tiers.push_back(std::move(tier));
  }
  return tiers;
}

std::filesystem::path resolved(const std::string& path, const std::filesystem::path& folder) {
  return path.empty() ? std::filesystem::path() : (folder / path).lexically_normal();
}

/// The same for what may be a name of what travels along, which has neither folder nor extension.
std::string resolved_name(const std::string& name, const std::filesystem::path& folder) {
  const std::filesystem::path given(name);
  return given.has_extension() || given.has_parent_path() ? resolved(name, folder).string() : name;
}

/// Exits of a tier at which jets may leave: the last of the network is none.
std::int64_t early_exits(const Plan& plan, std::size_t tier) {
  return plan.tiers[tier].segments - (tier + 1 == plan.tiers.size() ? 1 : 0);
}

}  // namespace

std::int64_t Plan::ranks() const { return first_rank(tiers.size()); }

std::int64_t Plan::first_rank(std::size_t tier) const {
  return std::accumulate(tiers.begin(), tiers.begin() + static_cast<std::ptrdiff_t>(tier),
                         std::int64_t{0},
                         [](std::int64_t sum, const Tier& before) { return sum + before.ranks; });
}

std::size_t Plan::tier_of(std::int64_t rank) const {
  std::size_t tier = 0;
  while (rank >= first_rank(tier + 1)) {
    ++tier;
  }
  return tier;
}

model::Segments Plan::segments_of(std::size_t tier) const {
  model::Segments segments{0, tiers.front().segments};
  for (std::size_t next = 1; next <= tier; ++next) {
    segments = {segments.last, segments.last + tiers[next].segments};
  }
  return segments;
}

std::filesystem::path Plan::weights_of(std::size_t tier) const {
  return pieces.empty() ? weights : pieces / (tiers[tier].name + ".h5");
}

bool Plan::emulated() const {
  return std::any_of(tiers.begin(), tiers.end(),
                     [](const Tier& tier) { return tier.link.emulated(); });
}

Plan load_plan(const std::filesystem::path& file) {
  sys::check_is_file(file);
  std::ifstream stream(file);
  Plan plan{.where = file.string(),
            .text = {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()}};
  toml::table table;
  try {
    table = toml::parse(plan.text);
  } catch (const toml::parse_error& error) {
    throw InputError(fmt::format("{}, line {}: not TOML there ({}); correct that line", plan.where,
                                 error.source().begin.line, error.description()));
  }
  std::string weights;
  std::string pieces;
  std::string data;
  model::Settings settings(&table, "", plan.where);
  settings.read("model", plan.model);
  settings.read("features", plan.features);
  settings.read("weights", weights);
  settings.read("pieces", pieces);
  settings.read("data", data);
  settings.read("jets", plan.jets);
  settings.read("rule", plan.rule);
  settings.read("batch", plan.batch);
  settings.read("window", plan.window);
  settings.ignore("tiers");
  settings.finish();
  require(!data.empty(), plan.where, "data is missing; name a jet file");
  require(weights.empty() != pieces.empty(), plan.where,
          "name either weights, a file, or pieces, a folder that eebench deploy --save filled");
  require_range(plan.where, "jets", plan.jets, 0);
  require_range(plan.where, "batch", plan.batch, 1);
  require_range(plan.where, "window", plan.window, 1);
  try {
    plan.rule = exits::parse_rule(plan.rule);
  } catch (const InputError& error) {
    throw InputError(fmt::format("{}: {}", plan.where, error.what()));
  }
  const std::filesystem::path folder = std::filesystem::absolute(file).parent_path();
  plan.model = resolved_name(plan.model, folder);
  plan.features = resolved_name(plan.features, folder);
  plan.weights = resolved(weights, folder);
  plan.pieces = resolved(pieces, folder);
  plan.data = resolved(data, folder);
  plan.tiers = read_tiers(table, plan.where);
  return plan;
}

std::vector<double> thresholds_for(const Plan& plan, std::int64_t exits) {
  const std::int64_t covered = plan.segments_of(plan.tiers.size() - 1).last;
  require(covered == exits, plan.where,
          fmt::format("the tiers have {} segments together, the network has {}; segments must "
                      "share them out",
                      covered, exits));
  std::vector<double> all;
  for (std::size_t t = 0; t < plan.tiers.size(); ++t) {
    const Tier& tier = plan.tiers[t];
    const std::int64_t early = early_exits(plan, t);
    const auto given = static_cast<std::int64_t>(tier.thresholds.size());
    require(given == early || (given == 1 && early > 0), plan.where,
            fmt::format("threshold of tier '{}': {} given, but it has {} early exits; give {}",
                        tier.name, given, early,
                        early == 0 ? "none" : "one number, or a list with one for each"));
    const std::vector<double> own =
        given == early
            ? tier.thresholds
            : std::vector<double>(static_cast<std::size_t>(early), tier.thresholds.front());
    all.insert(all.end(), own.begin(), own.end());
  }
  try {
    exits::check_thresholds(plan.rule, all);
  } catch (const InputError& error) {
    throw InputError(fmt::format("{}: {}", plan.where, error.what()));
  }
  return all;
}

void check_ranks(const Plan& plan, int ranks) {
  require(plan.ranks() == ranks, plan.where,
          fmt::format("the tiers have {} ranks together, here are {}; start it with mpirun -n {}",
                      plan.ranks(), ranks, plan.ranks()));
}

}  // namespace eebench::deploy
