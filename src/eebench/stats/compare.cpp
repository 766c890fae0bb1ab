#include "eebench/stats/compare.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/core.h>

#include "eebench/core/error.hpp"

namespace eebench::stats {

PairedDifference paired_difference(std::span<const std::uint8_t> a_right,
                                   std::span<const std::uint8_t> b_right) {
  if (a_right.size() != b_right.size() || a_right.empty()) {
    throw InputError(
        fmt::format("cannot compare answers on {} jets with answers on {}: give the "
                    "same jets to both",
                    a_right.size(), b_right.size()));
  }
  std::int64_t only_a = 0;
  std::int64_t only_b = 0;
  for (std::size_t i = 0; i < a_right.size(); ++i) {
    only_a += a_right[i] != 0 && b_right[i] == 0 ? 1 : 0;
    only_b += a_right[i] == 0 && b_right[i] != 0 ? 1 : 0;
  }
  const double n = static_cast<double>(a_right.size());
  const double share_a = static_cast<double>(only_a + 1) / (n + 2.0);
  const double share_b = static_cast<double>(only_b + 1) / (n + 2.0);
  const double centre = share_a - share_b;
  const double half = z_95 * std::sqrt((share_a + share_b - centre * centre) / (n + 2.0));
  return {static_cast<double>(only_a - only_b) / n,
          {std::max(-1.0, centre - half), std::min(1.0, centre + half)}};
}

}  // namespace eebench::stats
