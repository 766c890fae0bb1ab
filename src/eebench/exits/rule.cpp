#include "eebench/exits/rule.hpp"

#include <array>
#include <string>

#include <fmt/core.h>

#include "eebench/core/error.hpp"

namespace eebench::exits {

std::span<const RuleRow> rule_registry() {
  static constexpr std::array registry = {
      RuleRow{"confidence", RuleKind::confidence, "largest softmax value", 0},
      RuleRow{"entropy", RuleKind::entropy, "1 minus the entropy of softmax over its maximum", 0},
      RuleRow{"margin", RuleKind::margin, "largest minus second largest softmax value", 0},
      RuleRow{"learned", RuleKind::learned,
              "chance that this exit is right, by a small gate fitted on validation jets", 0},
  };
  return registry;
}

RuleKind parse_rule(std::string_view name) {
  std::string known;
  for (const RuleRow& row : rule_registry()) {
    if (row.name == name) {
      return row.kind;
    }
    known += (known.empty() ? "" : ", ") + std::string(row.name);
  }
  throw InputError(fmt::format("no exit rule \"{}\"; there are {}", name, known));
}

}  // namespace eebench::exits
