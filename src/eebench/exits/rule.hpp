#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "eebench/exits/gate.hpp"
#include "eebench/exits/scores.hpp"

namespace eebench::exits {

enum class RuleKind { confidence, entropy, margin, learned };

/// How sure an exit is of its answer, in [0, 1]; a jet leaves where the score is at least the
/// threshold of the exit.
struct Rule {
  RuleKind kind = RuleKind::confidence;
  std::vector<Gate> gates = {};  ///< [exits - 1] for `learned`, else empty
};

struct RuleRow {
  std::string_view name;
  RuleKind kind;
  std::string_view sentence;
};

std::span<const RuleRow> rule_registry();

/// Throws InputError listing the rules if there is none of that name.
RuleKind parse_rule(std::string_view name);

/// The rule of that name for a network of `exits` exits and `classes` classes. `gates`: those
/// fitted for it, empty where there are none; only `learned` needs them and throws InputError where
/// they are missing or those of another network.
Rule make_rule(std::string_view name, std::span<const Gate> gates, std::int64_t exits,
               std::int64_t classes);

/// Score of one jet at exit `exit` (not the last). `logits`: [classes], at least 2. `multiplicity`:
/// constituents of the jet. NaN for NaN logits, which then never leave early.
inline float score(const Rule& rule, std::int64_t exit, std::span<const float> logits,
                   std::int64_t multiplicity) {
  const Summary summary = summarise(logits);
  switch (rule.kind) {
    case RuleKind::confidence:
      return static_cast<float>(summary.top[0]);
    case RuleKind::entropy:
      return static_cast<float>(summary.entropy_confidence);
    case RuleKind::margin:
      return static_cast<float>(summary.top[0] - summary.top[1]);
    case RuleKind::learned:
      return static_cast<float>(
          chance_right(rule.gates[static_cast<std::size_t>(exit)], summary, multiplicity));
  }
  return 0.0F;
}

inline bool leaves(float score, double threshold) {
  return static_cast<double>(score) >= threshold;
}

}  // namespace eebench::exits
