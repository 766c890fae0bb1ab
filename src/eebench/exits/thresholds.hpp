#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace eebench::exits {

/// A grid of thresholds from text: "0.5:0.99:0.05" (first, last, step; the last is included where
/// a step meets it), "[0.5, 0.9]" or "0.5,0.9" or "0.5", and "logit:2:8:0.5": the same in log-odds,
/// t = 1/(1 + exp(-x)). Throws InputError on anything else.
std::vector<double> parse_grid(std::string_view text);

/// One threshold for each of the `exits - 1` early exits, from that many or from one shared by all.
/// Throws InputError on any other number, and on NaN.
std::vector<double> thresholds_for(std::span<const double> thresholds, std::int64_t exits);

}  // namespace eebench::exits
