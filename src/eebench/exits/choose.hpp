#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "eebench/exits/replay.hpp"

namespace eebench::exits {

/// Thresholds, and what they do on the jets they were chosen on.
struct Choice {
  std::vector<double> thresholds;  ///< [exits - 1]
  double accuracy;
  double mean_cost;
};

/// Non-dominated threshold vectors in order of rising cost and accuracy. Thresholds are taken at
/// `bins` ranks of each exit's scores and at `never_leave`. Up to two early exits: all vectors,
/// hence the exact front on that grid. More: coordinate ascent on accuracy minus a price times
/// cost, for a ladder of prices.
std::vector<Choice> pareto_front(const Decisions& decisions, std::int64_t bins = 512);

/// The same with one threshold shared by all early exits.
std::vector<Choice> shared_front(const Decisions& decisions, std::int64_t bins = 512);

/// Cheapest of a front that loses at most `max_loss` (0.001 is a tenth of a point) against
/// `accuracy`; the most accurate one where none does so. Throws InputError on an empty front.
const Choice& cheapest_within(std::span<const Choice> front, double accuracy, double max_loss);

}  // namespace eebench::exits
