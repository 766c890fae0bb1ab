#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "eebench/exits/rule.hpp"

namespace eebench::exits {

/// Scores [jets, exits - 1] of rules that look at embeddings, by rule: kept instead of these.
using EmbeddingScores = std::map<std::string, std::vector<float>, std::less<>>;

/// What every exit says of every jet: the result of one pass through all exits.
struct Answers {
  std::span<const float> logits;               ///< [jets, exits, classes]
  std::span<const std::int64_t> labels;        ///< [jets]
  std::span<const std::int64_t> multiplicity;  ///< [jets] constituents
  std::span<const float> jet_pt;               ///< [jets] GeV, of the summed constituents
  /// [jets, exits] cost of a jet that leaves there, with every head and gate run on the way; empty
  /// where none is asked for.
  std::span<const double> cost;
  std::int64_t exits;
  std::int64_t classes;
  /// What rules that look at embeddings need: [exits - 1] of [jets, E], or the scores instead.
  std::span<const std::vector<float>> embeddings = {};
  const EmbeddingScores* scores = nullptr;
};

/// Outcome of an exit rule on jets: what thresholds are chosen from. Owns its numbers.
struct Decisions {
  std::vector<float> scores;        ///< [jets, exits - 1]
  std::vector<std::uint8_t> right;  ///< [jets, exits] 1 where the answer is the label
  std::vector<double> cost;         ///< [jets, exits] as in Answers
  std::int64_t exits;
  std::int64_t jets() const { return static_cast<std::int64_t>(right.size()) / exits; }
};

/// Throws InputError on sizes that do not fit, fewer than 2 classes, or a rule that needs
/// embeddings which are not there. `rule`: made for these exits and classes.
Decisions decide(const Rule& rule, const Answers& answers);

/// Exit [jets] at which each jet leaves: the first whose score reaches its threshold, else the
/// last. `scores`: [jets, exits - 1]; `thresholds`: [exits - 1], empty for a network of one exit.
std::vector<std::int32_t> exit_index(std::span<const float> scores,
                                     std::span<const double> thresholds, std::int64_t jets);

struct Replay {
  double accuracy;
  double mean_cost;
  std::vector<double> exit_fraction;  ///< [exits]
  std::vector<double> exit_accuracy;  ///< [exits] of the jets that leave there; NaN for none
};

/// What happens on these jets with one threshold, or one per early exit.
Replay replay(const Decisions& decisions, std::span<const double> thresholds);

/// Logits [jets, classes] of the exit each jet took. `logits`: [jets, exits, classes].
std::vector<float> taken_logits(std::span<const float> logits,
                                std::span<const std::int32_t> exit_index, std::int64_t exits,
                                std::int64_t classes);

}  // namespace eebench::exits
