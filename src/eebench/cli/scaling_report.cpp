#include "eebench/cli/scaling_report.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>

#include <fmt/format.h>

#include "eebench/stats/compare.hpp"
#include "eebench/stats/quantile.hpp"
#include "eebench/store/share_file.hpp"
#include "eebench/sys/files.hpp"

namespace eebench::cli {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

double mean(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

/// Largest over ranks relative to their mean.
double imbalance(const std::vector<double>& of_ranks) {
  return of_ranks.empty() ? nan
                          : *std::max_element(of_ranks.begin(), of_ranks.end()) / mean(of_ranks);
}

/// Of the ranks, what enters segment k.
std::vector<double> entering(const bench::ScalingPoint& point, std::size_t k) {
  const std::size_t exits = point.entered.size() / static_cast<std::size_t>(point.ranks);
  std::vector<double> jets;
  for (std::size_t i = k; i < point.entered.size(); i += exits) {
    jets.push_back(point.entered[i]);
  }
  return jets;
}

/// Without jets: all-reduces by themselves.
bool sums_alone(const ScalingReport& report) { return report.points.front().jets == 0.0; }

}  // namespace

std::vector<Gain> gains(const std::vector<bench::ScalingPoint>& points, std::uint64_t seed) {
  const bench::ScalingPoint& base = points.front();
  const double base_time = stats::median(base.seconds);
  std::vector<Gain> all;
  for (const bench::ScalingPoint& point : points) {
    Gain gain;
    gain.time = stats::median(point.seconds);
    gain.time_interval = stats::median_interval(point.seconds);
    gain.throughput = point.jets / gain.time;
    const double work = point.jets / base.jets;
    const double ranks = static_cast<double>(point.ranks) / base.ranks;
    const stats::Interval ratio =
        &point == &base ? stats::Interval{1.0, 1.0}
                        : stats::median_ratio_interval(point.seconds, base.seconds, seed);
    gain.speed_up = work * base_time / gain.time;
    gain.speed_up_interval = {work * ratio.low, work * ratio.high};
    gain.efficiency = gain.speed_up / ranks;
    gain.efficiency_interval = {gain.speed_up_interval.low / ranks,
                                gain.speed_up_interval.high / ranks};
    all.push_back(gain);
  }
  return all;
}

double algorithm_bandwidth(const bench::ScalingPoint& point) {
  return point.bytes / stats::median(point.seconds) / 1e9;
}

double bus_bandwidth(const bench::ScalingPoint& point) {
  return algorithm_bandwidth(point) * 2.0 * (point.ranks - 1) / point.ranks;
}

void write_scaling(const std::filesystem::path& path, const comm::Communicator& comm,
                   const ScalingReport& report, const h5::Attributes& attributes) {
  const std::vector<bench::ScalingPoint>& points = report.points;
  const std::vector<Gain>& gained = report.gains;
  const std::size_t samples = points.front().seconds.size();
  std::size_t ranks = 0;
  for (const bench::ScalingPoint& point : points) {
    ranks = std::max(ranks, static_cast<std::size_t>(point.ranks));
  }
  const std::size_t exits =
      points.front().entered.size() / static_cast<std::size_t>(points.front().ranks);

  store::ShareFile file(path, sys::part_of(path), comm, 0, attributes);
  std::vector<std::int32_t> numbers(points.size());
  std::iota(numbers.begin(), numbers.end(), 0);
  file.dimension("point", numbers);
  const auto count_to = [](std::size_t n) {
    std::vector<std::int32_t> from_zero(n);
    std::iota(from_zero.begin(), from_zero.end(), 0);
    return from_zero;
  };
  file.dimension("rank", count_to(ranks));
  file.dimension("sample", count_to(samples));

  // Rows of `width`, what a point does not have is NaN.
  const auto put = [&](const std::string& name, std::vector<std::string> dimensions,
                       std::size_t width,
                       const std::function<std::vector<double>(std::size_t)>& of_point,
                       const char* meaning, const char* unit, const std::string& mark) {
    std::vector<double> values;
    for (std::size_t i = 0; i < points.size(); ++i) {
      std::vector<double> row = of_point(i);
      row.resize(width, nan);
      values.insert(values.end(), row.begin(), row.end());
    }
    dimensions.insert(dimensions.begin(), "point");
    file.write_whole(name, dimensions, values, meaning, unit).set_attribute("mark", mark);
  };
  const auto put_each = [&](const std::string& name,
                            const std::function<double(std::size_t)>& of_point, const char* meaning,
                            const char* unit, const std::string& mark) {
    put(
        name, {}, 1, [&](std::size_t i) { return std::vector<double>{of_point(i)}; }, meaning, unit,
        mark);
  };
  const std::string& mark = report.mark;
  const auto put_with_interval = [&](const std::string& name, double Gain::*value,
                                     stats::Interval Gain::*interval, const char* meaning,
                                     const char* of_interval, const char* unit) {
    put_each(
        name, [&](std::size_t i) { return gained[i].*value; }, meaning, unit, mark);
    put_each(
        name + "_ci_low", [&](std::size_t i) { return (gained[i].*interval).low; }, of_interval,
        unit, mark);
    put_each(
        name + "_ci_high", [&](std::size_t i) { return (gained[i].*interval).high; }, of_interval,
        unit, mark);
  };
  put_each(
      "ranks", [&](std::size_t i) { return points[i].ranks; }, "ranks at work", "1", "setting");
  put_each(
      "jets", [&](std::size_t i) { return points[i].jets; }, "jets of a step, all ranks", "1",
      "setting");
  put_each(
      "bytes", [&](std::size_t i) { return points[i].bytes; },
      "bytes that a step sums over ranks, of one rank", "byte", "setting");
  put_each(
      "oversubscribed", [&](std::size_t i) { return report.oversubscribed[i] ? 1.0 : 0.0; },
      "1: more threads than cores, times are no scaling", "1", "measured");
  put_with_interval("step_time", &Gain::time, &Gain::time_interval,
                    "median over samples of the slowest rank's step", "95 % interval of the median",
                    "s");
  put_each(
      "throughput", [&](std::size_t i) { return gained[i].throughput; },
      "jets of all ranks over the time of a step", "s-1", mark);
  put_with_interval("speed_up", &Gain::speed_up, &Gain::speed_up_interval,
                    "throughput over that of the first point",
                    "95 % bootstrap interval of the ratio of medians", "1");
  put_with_interval("efficiency", &Gain::efficiency, &Gain::efficiency_interval,
                    "speed-up over the ratio of ranks", "95 % bootstrap interval", "1");
  put(
      "read_bytes", {"rank"}, ranks, [&](std::size_t i) { return points[i].read; },
      "mean that a step reads from files, the page cache included", "byte", "measured");
  put(
      "input_time", {"rank"}, ranks, [&](std::size_t i) { return points[i].input; },
      "mean of a step spent reading jets", "s", mark);
  put(
      "compute_time", {"rank"}, ranks, [&](std::size_t i) { return points[i].compute; },
      "mean of a step spent computing", "s", mark);
  put(
      "communication_time", {"rank"}, ranks, [&](std::size_t i) { return points[i].communication; },
      "mean of a step spent in the all-reduce by the rank that came last", "s", mark);
  put(
      "wait_time", {"rank"}, ranks, [&](std::size_t i) { return points[i].wait; },
      "mean of a step spent waiting for slower ranks", "s", mark);
  put(
      "sample_step_time", {"sample"}, samples, [&](std::size_t i) { return points[i].seconds; },
      "step of the slowest rank, in order of measuring", "s", mark);
  if (sums_alone(report)) {
    put_each(
        "algorithm_bandwidth", [&](std::size_t i) { return 1e9 * algorithm_bandwidth(points[i]); },
        "bytes over time", "byte s-1", mark);
    put_each(
        "bus_bandwidth", [&](std::size_t i) { return 1e9 * bus_bandwidth(points[i]); },
        "2 (n - 1) / n times as much", "byte s-1", mark);
  }
  if (exits > 0) {
    file.dimension("exit", count_to(exits));
    put(
        "entered", {"rank", "exit"}, ranks * exits,
        [&](std::size_t i) { return points[i].entered; }, "jets of a step that enter each segment",
        "1", "measured");
  }
  file.publish();
}

report::Table to_table(const ScalingReport& report) {
  const std::vector<bench::ScalingPoint>& points = report.points;
  const std::vector<Gain>& gained = report.gains;
  report::Table table;
  const auto column = [&](const std::string& name, const std::string& unit,
                          const std::function<std::string(std::size_t)>& cell) {
    table.columns.push_back({name, unit, {}});
    for (std::size_t i = 0; i < points.size(); ++i) {
      table.columns.back().cells.push_back(cell(i));
    }
  };
  const auto milliseconds = [&](std::size_t i) {
    const stats::Interval& interval = gained[i].time_interval;
    return report::with_interval(1e3 * gained[i].time, {1e3 * interval.low, 1e3 * interval.high});
  };
  column("ranks", "", [&](std::size_t i) { return std::to_string(points[i].ranks); });
  if (sums_alone(report)) {
    column("bytes", "", [&](std::size_t i) { return fmt::format("{:.0f}", points[i].bytes); });
    column("time", "ms", milliseconds);
    column("algorithm bandwidth", "GB/s",
           [&](std::size_t i) { return report::number(algorithm_bandwidth(points[i])); });
    column("bus bandwidth", "GB/s",
           [&](std::size_t i) { return report::number(bus_bandwidth(points[i])); });
  } else {
    column("jets a step", "", [&](std::size_t i) { return fmt::format("{:.0f}", points[i].jets); });
    column("step", "ms", milliseconds);
    column("speed", "jets/s", [&](std::size_t i) { return report::number(gained[i].throughput); });
    column("speed-up", "", [&](std::size_t i) {
      return report::with_interval(gained[i].speed_up, gained[i].speed_up_interval);
    });
    column("efficiency", "", [&](std::size_t i) {
      return report::with_interval(gained[i].efficiency, gained[i].efficiency_interval);
    });
    const auto share = [&](const char* name, std::vector<double> bench::ScalingPoint::*part) {
      column(name, "%", [&, part](std::size_t i) {
        return report::number(100.0 * mean(points[i].*part) / mean(points[i].seconds));
      });
    };
    share("computing", &bench::ScalingPoint::compute);
    share("all-reduce", &bench::ScalingPoint::communication);
    share("input", &bench::ScalingPoint::input);
    share("waiting", &bench::ScalingPoint::wait);
    column("computing, slowest over mean", "",
           [&](std::size_t i) { return report::number(imbalance(points[i].compute)); });
    for (std::size_t k = 1;
         k < points.front().entered.size() / static_cast<std::size_t>(points.front().ranks); ++k) {
      column(fmt::format("jets past exit {}, most over mean", k - 1), "",
             [&, k](std::size_t i) { return report::number(imbalance(entering(points[i], k))); });
    }
  }
  column("more ranks than cores", "",
         [&](std::size_t i) { return report.oversubscribed[i] ? "yes" : "no"; });
  return table;
}

}  // namespace eebench::cli
