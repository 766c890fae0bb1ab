#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "eebench/bench/task_reader.hpp"
#include "eebench/core/names.hpp"
#include "eebench/report/table.hpp"
#include "eebench/stats/interval.hpp"

namespace eebench::report {

/// What b is against a. FAST and SLOW: the Mann-Whitney test has p < 0.05 and the interval of the
/// ratio leaves out 1. SAME: neither, and the interval lies within 5 % of 1. AMBG: all else, and
/// everything with fewer than `repeats_for_a_verdict` process-level repeats on one side.
enum class Verdict { same, fast, slow, ambiguous };

inline constexpr std::array<Named<Verdict>, 4> verdict_names = {{{Verdict::same, "SAME"},
                                                                 {Verdict::fast, "FAST"},
                                                                 {Verdict::slow, "SLOW"},
                                                                 {Verdict::ambiguous, "AMBG"}}};

inline constexpr std::size_t repeats_for_a_verdict = 9;

/// Times of one batch, one sample a repeat.
struct ComparedPoint {
  bench::JobSize job;
  std::string model, rule, threshold, scenario, executor;
  double batch = 0.0;
  std::vector<double> a;  ///< s
  std::vector<double> b;
  double ratio = 0.0;  ///< median of b over median of a
  stats::Interval interval{};
  double p = 1.0;
  Verdict verdict = Verdict::ambiguous;
  bool crowded = false;  ///< on one side at least by more ranks than cores
};

struct Comparison {
  std::vector<ComparedPoint> points;  ///< in the order of a
  std::int64_t only_a = 0;            ///< points, repeats apart, that the other has not
  std::int64_t only_b = 0;
  std::vector<std::string> differences;  ///< "cpu: X, Y"
};

Verdict verdict_of(const ComparedPoint& point);

/// Points that are `ok` in both, told apart by network, rule, thresholds (or what chose them),
/// scenario and batch. Throws InputError where there are none.
Comparison compare(const bench::TaskReader& a, const bench::TaskReader& b);

/// The file of a campaign to compare: a file itself; of a folder merged.h5, or the only task.
std::filesystem::path result_file(const std::filesystem::path& path);

std::string comparison_text(const Comparison& comparison);

}  // namespace eebench::report
