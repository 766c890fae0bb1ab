#pragma once

#include <cstdint>
#include <span>

#include "eebench/stats/interval.hpp"

namespace eebench::stats {

/// Difference of two accuracies on the same jets.
struct PairedDifference {
  double difference;  ///< accuracy of a minus accuracy of b
  Interval interval;  ///< Bonett, Price, J. Educ. Behav. Stat. 37 (2012) 479
};

/// `a_right`, `b_right`: [jets], nonzero where the answer is right. Throws InputError when they
/// differ in length or are empty.
PairedDifference paired_difference(std::span<const std::uint8_t> a_right,
                                   std::span<const std::uint8_t> b_right);

/// Two-sided p-value of the Mann-Whitney U test, by the normal approximation with corrections for
/// ties and continuity (Mann, Whitney, Ann. Math. Stat. 18 (1947) 50; Lehmann,
/// Nonparametrics, 1.2). Good from about 8 samples each. 1 where all samples are equal; NaN where
/// one side has none.
double mann_whitney(std::span<const double> a, std::span<const double> b);

/// Percentile bootstrap of the median of b over that of a, 95 %: both sides are drawn again,
/// each draw keyed by (seed, replica, position). NaN where one side has fewer than 2 samples.
Interval median_ratio_interval(std::span<const double> a, std::span<const double> b,
                               std::uint64_t seed, std::int64_t replicas = 2000);

}  // namespace eebench::stats
