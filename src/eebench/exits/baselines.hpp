#pragma once

#include <span>
#include <vector>

#include "eebench/exits/replay.hpp"

namespace eebench::exits {

struct OperatingPoint {
  double mean_cost;
  double accuracy;
};

/// Every jet leaves at exit k, for each k. `fixed_cost`: [jets, exits] cost of running segments up
/// to k and head k alone.
std::vector<OperatingPoint> fixed_exits(const Decisions& decisions,
                                        std::span<const double> fixed_cost);

/// Upper concave hull in order of rising cost: what can be had by tossing a coin between two
/// points.
std::vector<OperatingPoint> upper_hull(std::span<const OperatingPoint> points);

/// Accuracy at a mean cost on the hull of `points`, by mixing two of them; NaN below the cheapest,
/// constant above the hull's last.
double mixed_accuracy(std::span<const OperatingPoint> points, double mean_cost);

}  // namespace eebench::exits
