#include "eebench/exits/rule.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include <fmt/core.h>

#include "eebench/core/error.hpp"
#include "eebench/core/names.hpp"

namespace eebench::exits {

std::span<const RuleRow> rule_registry() {
  static constexpr std::array registry = {
      RuleRow{"confidence", RuleKind::confidence, "largest softmax value"},
      RuleRow{"entropy", RuleKind::entropy, "1 minus the entropy of softmax over its maximum"},
      RuleRow{"margin", RuleKind::margin, "largest minus second largest softmax value"},
      RuleRow{"learned", RuleKind::learned,
              "chance that this exit is right, by a small gate fitted on validation jets"},
  };
  return registry;
}

RuleKind parse_rule(std::string_view name) {
  return entry_of(rule_registry(), "exit rule", name).kind;
}

Rule make_rule(std::string_view name, std::span<const Gate> gates, std::int64_t exits,
               std::int64_t classes) {
  const RuleKind kind = parse_rule(name);
  if (kind != RuleKind::learned) {
    return {kind};
  }
  if (gates.empty()) {
    throw InputError(
        "rule learned: these weights carry no gates; fit them with eebench gates --weights FILE "
        "--data JETS, or choose another rule");
  }
  const bool fit = static_cast<std::int64_t>(gates.size()) == exits - 1 &&
                   std::all_of(gates.begin(), gates.end(), [&](const Gate& gate) {
                     return static_cast<std::int64_t>(gate.answer_bias.size()) == classes;
                   });
  if (!fit) {
    throw InputError(
        fmt::format("rule learned: the weights carry {} gates that are not those of {} early exits "
                    "and {} classes; fit them again with eebench gates",
                    gates.size(), exits - 1, classes));
  }
  return {kind, {gates.begin(), gates.end()}};
}

}  // namespace eebench::exits
