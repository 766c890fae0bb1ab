#pragma once

#include <filesystem>
#include <span>
#include <vector>

#include "eebench/bench/grid.hpp"
#include "eebench/bench/suite.hpp"

namespace eebench::bench {

/// Seconds that each point may take, without loading networks and their passes through all exits.
struct ExpectedTime {
  std::vector<double> least;  ///< [points]
  std::vector<double> most;
};

/// From what the suite's effort asks of a point.
ExpectedTime time_by_effort(const Suite& suite, std::span<const Point> points);

/// The mean that points of the same network, scenario and batch took in an earlier campaign. Throws
/// InputError where it has none of them.
ExpectedTime time_as_in(const std::filesystem::path& campaign, const Suite& suite,
                        std::span<const Point> points);

}  // namespace eebench::bench
