#pragma once

#include <cstdint>

#include "eebench/stats/classification.hpp"

namespace eebench::stats {

/// Percentile bootstrap over jets of `macro_auc`, 95 %. Scores are sorted once; a replica only
/// counts how often each jet was drawn. Draws are keyed by (seed, replica, position). NaN for fewer
/// than 2 jets and where all replicas agree.
Interval macro_auc_interval(const Predictions& predictions, std::uint64_t seed,
                            std::int64_t replicas);

}  // namespace eebench::stats
