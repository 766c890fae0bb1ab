#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "eebench/core/expression.hpp"
#include "eebench/exits/gate.hpp"
#include "eebench/exits/prototypes.hpp"

namespace eebench::exits {

/// What is known of a jet when an exit (not the last) asks whether it may leave.
struct Evidence {
  std::span<const float> logits;  ///< [exit + 1, classes] of exits 0..exit, the one that asks last
  std::int64_t classes;           ///< at least 2
  std::int64_t multiplicity;      ///< constituents of the jet
  float jet_pt;                   ///< GeV, of the summed constituents
  /// [E] what the last linear layer of the exit that asks reads; only rules that look at it need
  /// it.
  std::span<const float> embedding = {};

  std::int64_t exit() const { return static_cast<std::int64_t>(logits.size()) / classes - 1; }
  /// Logits [classes] of one of these exits.
  std::span<const float> of(std::int64_t exit) const {
    return logits.subspan(static_cast<std::size_t>(exit * classes),
                          static_cast<std::size_t>(classes));
  }
  /// Logits [classes] of the exit that asks.
  std::span<const float> own() const { return of(exit()); }
};

struct Rule;

/// A number that grows with certainty; NaN where the logits of the exit that asks are NaN, so that
/// such jets never leave early.
using Score = double (*)(const Rule& rule, const Evidence& evidence);

/// Largest softmax value.
double confidence(const Rule& rule, const Evidence& evidence);

/// A score and what it needs beside the evidence. A jet leaves where the score is at least the
/// threshold of the exit.
struct Rule {
  Score score = &confidence;
  std::vector<Gate> gates = {};             ///< [exits - 1] of a rule that has them
  std::vector<Prototypes> prototypes = {};  ///< [exits - 1] of `prototype`
  std::string_view embedding_rule = {};     ///< name of a rule that looks at embeddings
  std::optional<Expression> formula = {};   ///< of a rule that is one
  std::vector<std::string> classes = {};    ///< names, for a formula
};

struct RuleRow {
  std::string_view name;
  Score score;
  double lowest;   ///< no score is below
  double highest;  ///< or above
  std::string_view sentence;
  /// Of a rule that is fitted: takes over the numbers of the next exit, unless they are none of a
  /// network with so many classes.
  bool (*load)(Rule& rule, std::span<const double> numbers, std::size_t classes) = nullptr;
  bool reads_embedding = false;
};

/// The rules that have a name. Task files count on the order.
std::span<const RuleRow> rule_registry();

/// "p_max, entropy, ..., p_<class>": what a formula may be made of.
std::string formula_variables();

/// The text by which files and tables know a rule: its name, or its formula without blanks. Throws
/// InputError, which lists the rules, for a word that is neither, and for what is no formula.
std::string parse_rule(std::string_view text);

/// Whether the rule of that name needs what `eebench gates` fits.
bool is_fitted(std::string_view rule);

/// The rule of that name or formula for a network of `exits` exits and classes of these names.
/// Throws InputError where what a rule needs is not among `fits` or of another network, and where a
/// formula has a variable that does not exist.
Rule make_rule(std::string_view text, const Fits& fits, std::int64_t exits,
               std::span<const std::string> classes);

/// Those rules among `fits` that look at embeddings.
std::vector<Rule> embedding_rules(const Fits& fits, std::int64_t exits,
                                  std::span<const std::string> classes);

/// Threshold above every score: nobody leaves.
inline constexpr double never_leave = std::numeric_limits<double>::infinity();

/// Throws InputError unless these thresholds, one shared by all early exits or a list with one for
/// each, suit the scores of a rule: a shared one must be a score that is possible; in a list what
/// is above all scores passes that exit by.
void check_thresholds(std::string_view rule, std::span<const double> thresholds);

/// Infinite scores count as the largest finite number: `never_leave` is above them.
inline float score(const Rule& rule, const Evidence& evidence) {
  constexpr double largest = std::numeric_limits<float>::max();
  return static_cast<float>(std::clamp(rule.score(rule, evidence), -largest, largest));
}

inline bool leaves(float score, double threshold) {
  return static_cast<double>(score) >= threshold;
}

}  // namespace eebench::exits
