#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "eebench/core/names.hpp"
#include "eebench/exec/precision.hpp"

namespace eebench::bench {

enum class Scenario { offline, single_stream };

inline constexpr std::array<Named<Scenario>, 2> scenario_names = {
    {{Scenario::offline, "offline"}, {Scenario::single_stream, "single_stream"}}};

std::string_view name(Scenario scenario);
Scenario parse_scenario(std::string_view text);

/// What a batch goes through at a point with a rule.
enum class Engine {
  leaving,  ///< who has an answer leaves, the others go on: exec::Executor::run
  whole     ///< everybody goes through everything: exec::Executor::run_whole
};

inline constexpr std::array<Named<Engine>, 2> engine_names = {
    {{Engine::leaving, "leaving"}, {Engine::whole, "whole"}}};

std::string_view name(Engine engine);

/// A network of a suite.
struct ModelEntry {
  std::string name;    ///< what tables and files call it
  std::string config;  ///< model configuration, a name or a file; empty: the one inside the weights
  std::filesystem::path weights;
  std::string features;  ///< data configuration likewise
  exec::Precision precision = exec::Precision::fp32;
  bool operator==(const ModelEntry&) const = default;
};

/// A short data-parallel training before the measurements.
struct TrainingStage {
  std::string config;
  std::filesystem::path data;
  std::int64_t steps = 20;
  std::int64_t global_batch = 64;
  bool operator==(const TrainingStage&) const = default;
};

/// Thresholds to be chosen on other jets than those that the suite reports on.
struct Choosing {
  std::filesystem::path data;
  std::int64_t jets = 0;  ///< 0: all
  /// Accuracies that may be given up against full depth, for each a choice: 0.001 is a tenth of a
  /// point.
  std::vector<double> losses;
  bool operator==(const Choosing&) const = default;
};

/// Points to leave out: those that are in every list here that is not empty.
struct Skip {
  std::vector<std::string> models;
  std::vector<std::string> rules;  ///< full and fixed too
  std::vector<exec::Precision> precisions;
  std::vector<Engine> engines;
  std::vector<std::int64_t> batches;
  std::vector<Scenario> scenarios;
  bool operator==(const Skip&) const = default;
};

/// Each entry: one threshold shared by all early exits, or one for each of them.
using Thresholds = std::vector<std::vector<double>>;

/// What to measure: networks, and the axes of the grid.
struct Suite {
  std::string name;
  std::string sentence;
  std::string effort = "quick";
  std::uint64_t seed = 1;
  std::string device = "cpu";
  bool deterministic = false;
  std::filesystem::path data;
  std::int64_t jets = 2000;     ///< of the all-exits pass; 0: all
  std::int64_t run_jets = 500;  ///< fewest distinct jets of a measured point, all ranks together
  /// The axes `model` and `precision`: a network in bfloat16 is another network, `<name>@bf16`.
  std::vector<ModelEntry> models;
  std::optional<TrainingStage> training;
  std::optional<Choosing> choosing;

  std::vector<std::string> rules;  ///< as exits::parse_rule() has them
  Thresholds thresholds;
  /// By rule, instead of `thresholds`, where the scales of the rules differ.
  std::map<std::string, Thresholds, std::less<>> rule_thresholds;
  std::vector<std::int64_t> batches;
  std::vector<Scenario> scenarios;
  std::vector<Engine> engines = {Engine::leaving};  ///< the axis `executor`
  std::vector<Skip> skip;
  bool operator==(const Suite&) const = default;

  /// Those of one rule; none where they are all to be chosen.
  const Thresholds& thresholds_of(const std::string& rule) const;
};

/// Reads a suite and applies overrides such as "threshold=0.5:0.9:0.1", "batch=[1,64]",
/// "effort=smoke". Relative paths in the file count from its folder, those of overrides from the
/// current one. Throws InputError naming file, key and what would be right.
Suite load_suite(const std::filesystem::path& file, std::span<const std::string> overrides);

/// The same from text. `origin` is what messages call it; relative paths count from `folder`.
Suite parse_suite(std::string_view text, const std::string& origin,
                  const std::filesystem::path& folder, std::span<const std::string> overrides);

/// The effective suite, complete; reads back to the same.
std::string to_toml(const Suite& suite);

}  // namespace eebench::bench
