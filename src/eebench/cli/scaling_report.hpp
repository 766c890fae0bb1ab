#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "eebench/bench/scaling.hpp"
#include "eebench/comm/communicator.hpp"
#include "eebench/h5/attributes.hpp"
#include "eebench/report/table.hpp"
#include "eebench/stats/interval.hpp"

namespace eebench::cli {

/// What a number of ranks gains over the first one measured, the base.
struct Gain {
  double time = 0.0;  ///< s, median of a step
  stats::Interval time_interval{};
  double throughput = 0.0;  ///< jets/s
  double speed_up = 0.0;    ///< throughput over that of the base
  stats::Interval speed_up_interval{};
  double efficiency = 0.0;  ///< speed-up over the ratio of ranks
  stats::Interval efficiency_interval{};
};

/// [points]
std::vector<Gain> gains(const std::vector<bench::ScalingPoint>& points, std::uint64_t seed);

/// Bytes over time, GB/s; for the bus each byte counts as often as it must cross a link at least,
/// 2 (n - 1) / n times (as nccl-tests have it).
double algorithm_bandwidth(const bench::ScalingPoint& point);
double bus_bandwidth(const bench::ScalingPoint& point);

/// What a scaling run tells.
struct ScalingReport {
  std::vector<bench::ScalingPoint> points;
  std::vector<Gain> gains;           ///< [points]
  std::vector<bool> oversubscribed;  ///< [points] more threads than cores: no scaling
  std::string mark;                  ///< measured or emulated
};

/// \collective The file for xarray.
void write_scaling(const std::filesystem::path& path, const comm::Communicator& comm,
                   const ScalingReport& report, const h5::Attributes& attributes);

/// A row a number of ranks; of all-reduces by themselves one a number of ranks and bytes.
report::Table to_table(const ScalingReport& report);

}  // namespace eebench::cli
