#pragma once

#include <cstdint>
#include <span>

#include "eebench/stats/interval.hpp"

namespace eebench::stats {

struct RankTest {
  double u;        ///< pairs in which a exceeds b, ties counted half; NaN where a value is NaN
  double p_value;  ///< two-sided; NaN there, where a sample is empty or all values are equal
};

/// Mann-Whitney U test of two samples: normal approximation with tie and continuity corrections.
RankTest mann_whitney(std::span<const double> a, std::span<const double> b);

/// Difference of two accuracies on the same jets.
struct PairedDifference {
  double difference;        ///< accuracy of a minus accuracy of b
  Interval interval;        ///< Bonett, Price, J. Educ. Behav. Stat. 37 (2012) 479
  double p_value;           ///< McNemar's exact test, two-sided
  std::int64_t only_a = 0;  ///< jets that only a has right
  std::int64_t only_b = 0;  ///< jets that only b has right
};

/// `a_right`, `b_right`: [jets], nonzero where the answer is right. Throws InputError when they
/// differ in length or are empty.
PairedDifference paired_difference(std::span<const std::uint8_t> a_right,
                                   std::span<const std::uint8_t> b_right);

}  // namespace eebench::stats
