#include "eebench/exits/rule.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "eebench/core/error.hpp"
#include "eebench/core/names.hpp"
#include "eebench/exits/scores.hpp"
#include "eebench/stats/answer.hpp"

namespace eebench::exits {

double confidence(const Rule& /*rule*/, const Evidence& evidence) {
  return summarise(evidence.own()).top[0];
}

namespace {

using stats::answer_of;
using stats::no_answer;

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

double entropy(const Rule& /*rule*/, const Evidence& evidence) {
  return summarise(evidence.own()).entropy_confidence;
}

double margin(const Rule& /*rule*/, const Evidence& evidence) {
  const Summary summary = summarise(evidence.own());
  return summary.top[0] - summary.top[1];
}

double learned(const Rule& rule, const Evidence& evidence) {
  const Gate& gate = rule.gates[static_cast<std::size_t>(evidence.exit())];
  const Summary summary = summarise(evidence.own());
  return chance(gate, learned_features(summary, evidence.multiplicity),
                gate.answer_bias[static_cast<std::size_t>(summary.answer)]);
}

double jei(const Rule& rule, const Evidence& evidence) {
  return chance(rule.gates[static_cast<std::size_t>(evidence.exit())],
                jei_features(evidence.own()));
}

/// Throws InputError unless the embedding is of the width that the rule was fitted to.
std::span<const float> embedding_of(const Rule& rule, const Evidence& evidence, std::size_t width) {
  if (evidence.embedding.size() != width) {
    throw InputError(fmt::format(
        "rule {}: exit {} has an embedding of {} numbers, its gate is for {}; fit it again with "
        "eebench gates",
        rule.embedding_rule, evidence.exit(), evidence.embedding.size(), width));
  }
  return evidence.embedding;
}

double lte(const Rule& rule, const Evidence& evidence) {
  const Gate& gate = rule.gates[static_cast<std::size_t>(evidence.exit())];
  return answer_of(evidence.own()) == no_answer
             ? not_a_number
             : chance(gate, embedding_of(rule, evidence, gate.weights.size()));
}

double prototype(const Rule& rule, const Evidence& evidence) {
  const Prototypes& prototypes = rule.prototypes[static_cast<std::size_t>(evidence.exit())];
  return answer_of(evidence.own()) == no_answer
             ? not_a_number
             : nearness(prototypes, embedding_of(rule, evidence, prototypes.width()));
}

/// Zhou et al., BERT Loses Patience (arXiv:2006.04152), whose counter this is.
double patience(const Rule& /*rule*/, const Evidence& evidence) {
  const std::int64_t answer = answer_of(evidence.own());
  std::int64_t run = 0;
  while (run < evidence.exit() && answer_of(evidence.of(evidence.exit() - 1 - run)) == answer) {
    ++run;
  }
  return answer == no_answer ? not_a_number : static_cast<double>(run);
}

double vote(const Rule& /*rule*/, const Evidence& evidence) {
  if (answer_of(evidence.own()) == no_answer) {
    return not_a_number;
  }
  std::vector<std::int64_t> votes(static_cast<std::size_t>(evidence.classes), 0);
  for (std::int64_t exit = 0; exit <= evidence.exit(); ++exit) {
    if (const std::int64_t answer = answer_of(evidence.of(exit)); answer != no_answer) {
      ++votes[static_cast<std::size_t>(answer)];
    }
  }
  return static_cast<double>(*std::max_element(votes.begin(), votes.end())) /
         static_cast<double>(evidence.exit() + 1);
}

double energy(const Rule& /*rule*/, const Evidence& evidence) {
  return summarise(evidence.own()).energy;
}

double logit_margin(const Rule& /*rule*/, const Evidence& evidence) {
  return summarise(evidence.own()).logit_margin;
}

double comparator(const Rule& /*rule*/, const Evidence& evidence) {
  return -summarise(evidence.own()).weight_sum;
}

double exit_number(const Rule& /*rule*/, const Evidence& evidence) {
  return static_cast<double>(evidence.exit());
}

double multiplicity(const Rule& /*rule*/, const Evidence& evidence) {
  return static_cast<double>(evidence.multiplicity);
}

double jet_pt(const Rule& /*rule*/, const Evidence& evidence) {
  return static_cast<double>(evidence.jet_pt);
}

bool load_gate(Rule& rule, std::span<const double> numbers, std::size_t features,
               std::size_t classes) {
  if (features == 0 || numbers.size() != 3 * features + 1 + classes) {
    return false;
  }
  rule.gates.push_back(unpack_gate(numbers, features));
  return true;
}

bool load_learned(Rule& rule, std::span<const double> numbers, std::size_t classes) {
  return load_gate(rule, numbers, std::tuple_size_v<LearnedFeatures>, classes);
}

bool load_jei(Rule& rule, std::span<const double> numbers, std::size_t /*classes*/) {
  return load_gate(rule, numbers, std::tuple_size_v<JeiFeatures>, 0);
}

bool load_lte(Rule& rule, std::span<const double> numbers, std::size_t /*classes*/) {
  return load_gate(rule, numbers, numbers.size() / 3, 0);
}

bool load_prototypes(Rule& rule, std::span<const double> numbers, std::size_t classes) {
  if (numbers.size() < 2 * classes || numbers.size() % classes != 0) {
    return false;
  }
  rule.prototypes.push_back(unpack_prototypes(numbers, classes));
  return true;
}

constexpr std::array registry = {
    RuleRow{"confidence", &confidence, 0.0, 1.0, "largest softmax value"},
    RuleRow{"entropy", &entropy, 0.0, 1.0, "1 minus the entropy of softmax over its maximum"},
    RuleRow{"margin", &margin, 0.0, 1.0, "largest minus second largest softmax value"},
    RuleRow{"learned", &learned, 0.0, 1.0,
            "chance that this exit is right, by a small gate fitted on validation jets",
            &load_learned},
    RuleRow{"patience", &patience, 0.0, infinity,
            "exits directly before this one that gave its answer without a break; 0 at exit 0"},
    RuleRow{"vote", &vote, 0.0, 1.0,
            "share of the exits so far that give the commonest answer; 1 at exit 0, which a list "
            "of thresholds can pass by"},
    RuleRow{"energy", &energy, -infinity, infinity, "ln of the sum of exp(logit)"},
    RuleRow{"logit-margin", &logit_margin, 0.0, infinity,
            "largest minus second largest logit; does not saturate as softmax does"},
    RuleRow{"comparator", &comparator, -infinity, -1.0,
            "minus the sum of exp(logit - largest logit), for hardware: no division; threshold "
            "-1/t is confidence t"},
    RuleRow{"prototype", &prototype, 0.0, 1.0,
            "nearness of the embedding to the mean of a class, distances in units of its scatter",
            &load_prototypes, true},
    RuleRow{"lte", &lte, 0.0, 1.0,
            "chance that this exit is right, by a linear gate on its embedding (BERxiT)", &load_lte,
            true},
    RuleRow{"jei", &jei, 0.0, 1.0,
            "chance that going on is not worth its cost, by a gate on four scores (JEI-DNN)",
            &load_jei},
};

/// What a formula reads; beside these p_<class>, the softmax value of a class.
struct Variable {
  std::string_view name;
  Score value;
};

constexpr std::array variables = {
    Variable{"p_max", &confidence},
    Variable{"entropy", &entropy},
    Variable{"margin", &margin},
    Variable{"energy", &energy},
    Variable{"logit_margin", &logit_margin},
    Variable{"patience", &patience},
    Variable{"vote", &vote},
    Variable{"exit", &exit_number},
    Variable{"multiplicity", &multiplicity},
    Variable{"jet_pt", &jet_pt},
};

constexpr std::string_view class_prefix = "p_";

const Variable* find_variable(std::string_view name) {
  const auto* found = std::find_if(variables.begin(), variables.end(),
                                   [&](const Variable& v) { return v.name == name; });
  return found == variables.end() ? nullptr : found;
}

/// Place among the classes of the one that p_<class> names; behind the last for none.
std::size_t class_of(std::string_view name, std::span<const std::string> classes) {
  const auto same = [&](const std::string& c) {
    return name.starts_with(class_prefix) && name.substr(class_prefix.size()) == c;
  };
  return static_cast<std::size_t>(std::find_if(classes.begin(), classes.end(), same) -
                                  classes.begin());
}

double variable(const Rule& rule, const Evidence& evidence, std::string_view name) {
  if (const Variable* known = find_variable(name)) {
    return known->value(rule, evidence);
  }
  const double logit = static_cast<double>(evidence.own()[class_of(name, rule.classes)]);
  return std::exp(logit - energy(rule, evidence));
}

double formula(const Rule& rule, const Evidence& evidence) {
  if (answer_of(evidence.own()) == no_answer) {
    return not_a_number;
  }
  Column value(1);
  const auto column = [&](const std::string& name) -> const Column& {
    value[0] = static_cast<float>(variable(rule, evidence, name));
    return value;
  };
  return static_cast<double>(rule.formula->evaluate(column, 1)[0]);
}

const RuleRow* find_rule(std::string_view name) {
  const auto* found = std::find_if(registry.begin(), registry.end(),
                                   [&](const RuleRow& row) { return row.name == name; });
  return found == registry.end() ? nullptr : found;
}

/// One word that no formula can be: a rule's name with a slip in it.
bool is_unknown_word(std::string_view text) {
  const bool word = std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '_' || c == '-';
  });
  if (text.empty() || !word || std::isalpha(static_cast<unsigned char>(text[0])) == 0) {
    return false;
  }
  const std::vector<std::string> names = Expression(std::string(text)).names();
  return std::any_of(names.begin(), names.end(), [](const std::string& name) {
    return find_variable(name) == nullptr && !name.starts_with(class_prefix);
  });
}

Rule fitted_rule(const RuleRow& row, const Fits& fits, std::int64_t exits, std::size_t classes) {
  const auto found = fits.numbers.find(row.name);
  if (found == fits.numbers.end()) {
    throw InputError(
        fmt::format("rule {}: no gates for it in {}; fit them with eebench gates --weights FILE "
                    "--data JETS, or "
                    "choose another rule",
                    row.name, fits.where));
  }
  Rule rule{.score = row.score,
            .embedding_rule = row.reads_embedding ? row.name : std::string_view()};
  const std::vector<std::vector<double>>& gates = found->second;
  const bool fit = static_cast<std::int64_t>(gates.size()) == exits - 1 &&
                   std::all_of(gates.begin(), gates.end(), [&](const std::vector<double>& numbers) {
                     return row.load(rule, numbers, classes);
                   });
  if (!fit) {
    throw InputError(
        fmt::format("rule {}: the {} gates in {} are not those of {} early exits and {} classes; "
                    "fit them again "
                    "with eebench gates",
                    row.name, gates.size(), fits.where, exits - 1, classes));
  }
  return rule;
}

}  // namespace

std::span<const RuleRow> rule_registry() { return registry; }

std::string formula_variables() {
  std::string list;
  for (const Variable& variable : variables) {
    list += std::string(variable.name) + ", ";
  }
  return list + "p_<class>";
}

std::string parse_rule(std::string_view text) {
  if (find_rule(text) != nullptr) {
    return std::string(text);
  }
  if (is_unknown_word(text)) {
    std::vector<std::string_view> known;
    known.reserve(registry.size() + 1);
    for (const RuleRow& row : registry) {
      known.push_back(row.name);
    }
    known.emplace_back("or a formula such as \"p_max * (patience >= 1)\"");
    throw_unknown("exit rule", text, "", known);
  }
  const Expression parsed{std::string(text)};
  if (parsed.names().empty()) {
    throw InputError(fmt::format(
        "rule {}: depends on nothing of a jet, so that all or none leave; use one of {}", text,
        formula_variables()));
  }
  std::string canonical = parsed.text();
  std::erase_if(canonical, [](unsigned char c) { return std::isspace(c) != 0; });
  return canonical;
}

bool is_fitted(std::string_view rule) {
  const RuleRow* row = find_rule(rule);
  return row != nullptr && row->load != nullptr;
}

Rule make_rule(std::string_view text, const Fits& fits, std::int64_t exits,
               std::span<const std::string> classes) {
  if (const RuleRow* row = find_rule(text)) {
    return row->load != nullptr ? fitted_rule(*row, fits, exits, classes.size())
                                : Rule{.score = row->score};
  }
  Rule rule{.score = &formula,
            .formula = Expression(parse_rule(text)),
            .classes = {classes.begin(), classes.end()}};
  for (const std::string& name : rule.formula->names()) {
    if (find_variable(name) == nullptr && class_of(name, classes) == classes.size()) {
      throw InputError(
          fmt::format("rule {}: there is no variable '{}'; there are {}, with the classes {}",
                      rule.formula->text(), name, formula_variables(), fmt::join(classes, ", ")));
    }
  }
  return rule;
}

std::vector<Rule> embedding_rules(const Fits& fits, std::int64_t exits,
                                  std::span<const std::string> classes) {
  std::vector<Rule> rules;
  for (const RuleRow& row : registry) {
    if (row.reads_embedding && fits.numbers.contains(row.name)) {
      rules.push_back(make_rule(row.name, fits, exits, classes));
    }
  }
  return rules;
}

void check_thresholds(std::string_view rule, std::span<const double> thresholds) {
  static constexpr RuleRow any_number{"", &formula, -infinity, infinity, ""};
  const RuleRow* named = find_rule(rule);
  const RuleRow& row = named == nullptr ? any_number : *named;
  for (const double threshold : thresholds) {
    const bool possible = std::isfinite(threshold) && threshold <= row.highest;
    const bool passes_by = thresholds.size() > 1 && threshold > -infinity;
    if (threshold >= row.lowest && (possible || passes_by)) {
      continue;
    }
    const bool above = std::isfinite(row.lowest);
    const bool below = std::isfinite(row.highest);
    const std::string range = above && below
                                  ? fmt::format("from {:g} to {:g}", row.lowest, row.highest)
                              : above ? fmt::format("at least {:g}", row.lowest)
                              : below ? fmt::format("at most {:g}", row.highest)
                                      : std::string("a finite number");
    throw InputError(
        fmt::format("a threshold of the rule {} must be {}, not {:g}", rule, range, threshold));
  }
}

}  // namespace eebench::exits
