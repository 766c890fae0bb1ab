#include "eebench/exits/replay.hpp"

#include <fmt/core.h>

#include "eebench/core/error.hpp"
#include "eebench/exits/thresholds.hpp"
#include "eebench/stats/answer.hpp"

namespace eebench::exits {
namespace {

void check(const Answers& answers) {
  const std::size_t jets = answers.labels.size();
  const auto exits = static_cast<std::size_t>(answers.exits);
  const auto classes = static_cast<std::size_t>(answers.classes);
  if (answers.exits < 1 || answers.classes < 2 || answers.multiplicity.size() != jets ||
      answers.jet_pt.size() != jets ||
      (!answers.cost.empty() && answers.cost.size() != jets * exits) ||
      answers.logits.size() != jets * exits * classes) {
    throw InputError(fmt::format(
        "{} logits, {} costs, {} multiplicities and {} transverse momenta do not fit {} "
        "jets, {} exits and {} classes",
        answers.logits.size(), answers.cost.size(), answers.multiplicity.size(),
        answers.jet_pt.size(), jets, answers.exits, answers.classes));
  }
}

/// Scores [jets, exits - 1] that were kept; none where they follow from the answers.
std::span<const float> kept_scores(const Rule& rule, const Answers& answers) {
  if (rule.embedding_rule.empty() || !answers.embeddings.empty()) {
    return {};
  }
  const std::size_t scores = answers.labels.size() * static_cast<std::size_t>(answers.exits - 1);
  if (answers.scores != nullptr) {
    if (const auto kept = answers.scores->find(rule.embedding_rule);
        kept != answers.scores->end() && kept->second.size() == scores) {
      return kept->second;
    }
  }
  throw InputError(
      fmt::format("rule {}: these answers were kept without its scores", rule.embedding_rule));
}

}  // namespace

Decisions decide(const Rule& rule, const Answers& answers) {
  check(answers);
  const auto exits = static_cast<std::size_t>(answers.exits);
  const auto classes = static_cast<std::size_t>(answers.classes);
  const std::span<const float> kept = kept_scores(rule, answers);
  Decisions result{
      {kept.begin(), kept.end()}, {}, {answers.cost.begin(), answers.cost.end()}, answers.exits};
  const auto embedding = [&](std::size_t jet, std::size_t exit) -> std::span<const float> {
    if (answers.embeddings.empty()) {
      return {};
    }
    const std::span<const float> all = answers.embeddings[exit];
    const std::size_t width = all.size() / answers.labels.size();
    return all.subspan(jet * width, width);
  };
  for (std::size_t jet = 0; jet < answers.labels.size(); ++jet) {
    const std::span<const float> logits =
        answers.logits.subspan(jet * exits * classes, exits * classes);
    for (std::size_t exit = 0; exit < exits; ++exit) {
      if (exit + 1 < exits && kept.empty()) {
        result.scores.push_back(
            score(rule, {logits.first((exit + 1) * classes), answers.classes,
                         answers.multiplicity[jet], answers.jet_pt[jet], embedding(jet, exit)}));
      }
      const std::int64_t answer = stats::answer_of(logits.subspan(exit * classes, classes));
      result.right.push_back(answer == answers.labels[jet] ? 1 : 0);
    }
  }
  return result;
}

std::vector<std::int32_t> exit_index(std::span<const float> scores,
                                     std::span<const double> thresholds, std::int64_t jets) {
  const std::size_t early = thresholds.size();
  std::vector<std::int32_t> result(static_cast<std::size_t>(jets),
                                   static_cast<std::int32_t>(early));
  for (std::size_t jet = 0; jet < result.size(); ++jet) {
    for (std::size_t k = 0; k < early; ++k) {
      if (leaves(scores[jet * early + k], thresholds[k])) {
        result[jet] = static_cast<std::int32_t>(k);
        break;
      }
    }
  }
  return result;
}

Replay replay(const Decisions& decisions, std::span<const double> thresholds) {
  const auto exits = static_cast<std::size_t>(decisions.exits);
  const std::vector<double> per_exit = thresholds_for(thresholds, decisions.exits);
  const std::vector<std::int32_t> taken = exit_index(decisions.scores, per_exit, decisions.jets());
  std::vector<double> left(exits);
  std::vector<double> right(exits);
  double cost = 0.0;
  double all_right = 0.0;
  for (std::size_t jet = 0; jet < taken.size(); ++jet) {
    const auto k = static_cast<std::size_t>(taken[jet]);
    const double hit = decisions.right[jet * exits + k] != 0 ? 1.0 : 0.0;
    left[k] += 1.0;
    right[k] += hit;
    all_right += hit;
    cost += decisions.cost[jet * exits + k];
  }
  const double jets = static_cast<double>(taken.size());
  Replay result{all_right / jets, cost / jets, {}, {}};
  for (std::size_t k = 0; k < exits; ++k) {
    result.exit_fraction.push_back(left[k] / jets);
    result.exit_accuracy.push_back(right[k] / left[k]);
  }
  return result;
}

std::vector<float> taken_logits(std::span<const float> logits,
                                std::span<const std::int32_t> exit_index, std::int64_t exits,
                                std::int64_t classes) {
  const auto width = static_cast<std::size_t>(classes);
  std::vector<float> result;
  result.reserve(exit_index.size() * width);
  for (std::size_t jet = 0; jet < exit_index.size(); ++jet) {
    const std::size_t at =
        jet * static_cast<std::size_t>(exits) + static_cast<std::size_t>(exit_index[jet]);
    const std::span<const float> row = logits.subspan(at * width, width);
    result.insert(result.end(), row.begin(), row.end());
  }
  return result;
}

}  // namespace eebench::exits
