#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "eebench/bench/suite.hpp"
#include "eebench/bench/values.hpp"

namespace eebench::bench {

/// What the grid must know of a loaded network.
struct ModelFacts {
  std::string name;
  std::int64_t exits = 0;
  std::string weights_sha256;
  std::string gates_sha256;
  std::string data_sha256;
  std::string choosing_sha256;  ///< of the jets that thresholds are chosen on; empty for none
  std::string network_sha256;   ///< of what the network is built from
};

/// Where the thresholds of a point come from: the suite, or chosen on other jets, one shared by all
/// early exits or one for each.
enum class Selection { given, shared, per_exit };

/// Names behind the values of the enumeration `selection`.
inline constexpr std::string_view selection_names[] = {"given", "shared", "per_exit"};

/// One combination of the suite's axes, or a baseline.
struct Point {
  std::int64_t index = 0;  ///< place in the file
  std::int64_t model = 0;  ///< place in the suite
  std::string rule;        ///< "full", "fixed" or an exit rule, as exits::parse_rule() has it
  Scenario scenario = Scenario::offline;
  exec::Precision precision = exec::Precision::fp32;
  Engine engine = Engine::leaving;
  std::int64_t batch = 1;
  std::int64_t exits = 0;
  std::int64_t fixed_exit = -1;    ///< of the baselines
  std::vector<double> thresholds;  ///< [exits - 1]; empty for baselines, or not chosen yet
  Selection selection = Selection::given;
  double max_loss = not_available;         ///< of a choice: accuracy that may be given up
  double chosen_accuracy = not_available;  ///< of a choice: on the jets that it was made on
  double chosen_cost = not_available;      ///< the same, multiply-adds over those of full depth
  std::string id;                          ///< 16 hexadecimal digits
  bool is_baseline() const { return fixed_exit >= 0; }
};

/// Names behind the values of the enumeration `rule`: full, fixed, every exit rule that has a name,
/// then the formulas of these points.
std::vector<std::string> rule_names(std::span<const Point> points);

/// For every network, scenario and batch: the network without early heads, each earlier exit fixed,
/// then rules x thresholds, and rules x losses whose thresholds are still to be chosen. Throws
/// InputError for thresholds that do not fit a network's exits.
std::vector<Point> make_grid(const Suite& suite, std::span<const ModelFacts> models);

/// "2 models x 2 rules x 5 thresholds x 2 batches x 1 scenario = 40 points + 16 baselines".
std::string describe(const Suite& suite, std::span<const Point> points);

/// Values of the variables marked `setting`, and `point_id` apart. `rules`: rule_names().
Values settings_of(const Point& point, std::span<const std::string> rules);

/// Order in which points are measured: a permutation drawn from the seed, so that drift of the
/// machine does not line up with an axis.
std::vector<std::int64_t> shuffled(std::int64_t points, std::uint64_t seed);

}  // namespace eebench::bench
