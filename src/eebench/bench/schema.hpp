#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace eebench::bench {

/// Version of the task file. The major number changes when an old reader would go wrong; it is part
/// of every point's id.
inline constexpr int schema_major = 1;
inline constexpr int schema_minor = 7;

/// What a number is worth.
enum class Mark {
  setting,   ///< chosen by the suite or the plan
  replayed,  ///< decided afterwards from one pass through all exits
  measured,  ///< seen in runs that really left
  record     ///< about the measurement itself
};

enum class Type { u1, i4, i8, f4, f8, text };

enum class Dimension { point, exit, class_, rank, sample, percentile, multiplicity };

struct VariableSpec {
  std::string_view name;
  Type type;
  std::vector<Dimension> dimensions;  ///< after `point`, which leads every variable
  std::string_view unit;              ///< "1" where there is none
  Mark mark;
  std::string_view meaning;
  bool interval = false;  ///< also `<name>_ci_low` and `<name>_ci_high`, 95 %
  int since = 0;          ///< minor version that brought it
};

/// Every variable that leads with `point`, in file order. results/README.md says the same in words.
std::span<const VariableSpec> schema();

/// Of the variable in the file, and of the ends of its interval where it has one.
std::vector<std::string> names_of(const VariableSpec& spec);

/// Names of its dimensions, `point` first.
std::vector<std::string> dimensions_of(const VariableSpec& spec);

/// Latency percentiles of the file, in percent.
inline constexpr double percentiles[] = {50.0, 90.0, 99.0};

/// Upper edges (inclusive) of the bins of `multiplicity`: constituents of a jet.
inline constexpr std::int64_t multiplicity_edges[] = {20, 30, 40, 50, 60, 80, 128};

std::string_view name(Mark mark);
std::string_view name(Dimension dimension);

}  // namespace eebench::bench
