#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>

namespace eebench::stats {

inline constexpr std::int64_t no_answer = -1;

/// Class of the largest logit, the first of equal ones; `no_answer` where a logit is NaN or the
/// largest infinite.
inline std::int64_t answer_of(std::span<const float> logits) {
  std::size_t best = 0;
  for (std::size_t c = 0; c < logits.size(); ++c) {
    if (std::isnan(logits[c])) {
      return no_answer;
    }
    best = logits[c] > logits[best] ? c : best;
  }
  return std::isfinite(logits[best]) ? static_cast<std::int64_t>(best) : no_answer;
}

}  // namespace eebench::stats
