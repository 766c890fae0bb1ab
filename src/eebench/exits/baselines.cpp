#include "eebench/exits/baselines.hpp"

#include <algorithm>
#include <limits>

#include <fmt/core.h>

#include "eebench/core/error.hpp"

namespace eebench::exits {

std::vector<OperatingPoint> fixed_exits(const Decisions& decisions,
                                        std::span<const double> fixed_cost) {
  if (fixed_cost.size() != decisions.right.size()) {
    throw InputError(fmt::format("{} costs do not fit {} jets and {} exits", fixed_cost.size(),
                                 decisions.jets(), decisions.exits));
  }
  const auto exits = static_cast<std::size_t>(decisions.exits);
  std::vector<OperatingPoint> points(exits, {0.0, 0.0});
  for (std::size_t i = 0; i < fixed_cost.size(); ++i) {
    points[i % exits].mean_cost += fixed_cost[i];
    points[i % exits].accuracy += decisions.right[i] != 0 ? 1.0 : 0.0;
  }
  const double jets = static_cast<double>(decisions.jets());
  for (OperatingPoint& point : points) {
    point.mean_cost /= jets;
    point.accuracy /= jets;
  }
  return points;
}

std::vector<OperatingPoint> upper_hull(std::span<const OperatingPoint> points) {
  std::vector<OperatingPoint> sorted(points.begin(), points.end());
  std::sort(sorted.begin(), sorted.end(), [](const OperatingPoint& a, const OperatingPoint& b) {
    return a.mean_cost != b.mean_cost ? a.mean_cost < b.mean_cost : a.accuracy > b.accuracy;
  });
  std::vector<OperatingPoint> hull;
  for (const OperatingPoint& point : sorted) {
    if (!hull.empty() && point.accuracy <= hull.back().accuracy) {
      continue;
    }
    while (hull.size() >= 2) {
      const OperatingPoint& a = hull[hull.size() - 2];
      const OperatingPoint& b = hull.back();
      const double above = (b.accuracy - a.accuracy) * (point.mean_cost - a.mean_cost) -
                           (point.accuracy - a.accuracy) * (b.mean_cost - a.mean_cost);
      if (above > 0.0) {
        break;
      }
      hull.pop_back();
    }
    hull.push_back(point);
  }
  return hull;
}

double mixed_accuracy(std::span<const OperatingPoint> points, double mean_cost) {
  const std::vector<OperatingPoint> hull = upper_hull(points);
  if (hull.empty() || mean_cost < hull.front().mean_cost) {
    return std::numeric_limits<double>::quiet_NaN();
  }
  for (std::size_t i = 1; i < hull.size(); ++i) {
    if (mean_cost < hull[i].mean_cost) {
      const OperatingPoint& a = hull[i - 1];
      const double share = (mean_cost - a.mean_cost) / (hull[i].mean_cost - a.mean_cost);
      return a.accuracy + share * (hull[i].accuracy - a.accuracy);
    }
  }
  return hull.back().accuracy;
}

}  // namespace eebench::exits
