#pragma once

#include <cstdint>
#include <span>

namespace eebench::stats {

/// Nearest-rank quantile: the ceil(p n)-th smallest sample, 0 < p <= 1. NaN without samples.
double nearest_rank(std::span<const double> samples, double p);

/// Mean of the two middle samples for an even number of them. NaN without samples.
double median(std::span<const double> samples);

/// Fewest samples that let a p-quantile be reported: smallest n at which at most one sample beyond
/// a true quantile has probability <= 0.01 (binomial rule of MLPerf LoadGen with one sample over
/// the bound): 11, 64, 130, 662, 6636 for p = 0.5, 0.9, 0.95, 0.99, 0.999.
std::int64_t quantile_floor(double p);

}  // namespace eebench::stats
