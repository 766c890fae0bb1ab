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

}  // namespace eebench::stats
