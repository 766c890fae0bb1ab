#pragma once

#include <cstdint>
#include <cstdio>
#include <string>

#include "eebench/bench/campaign.hpp"
#include "eebench/sys/timer.hpp"

namespace eebench::report {

/// "[ 37/120 31%] particlenet confidence 0.9 batch 64: 812.3 jets/s  eta 02:10  fail 0"
std::string progress_line(const bench::Standing& standing, double seconds,
                          std::int64_t done_before);

/// "all exits 37%"
std::string share_line(const std::string& what, std::int64_t done, std::int64_t all);

/// Writes progress to a stream: on a terminal one line that is rewritten, elsewhere a plain line at
/// most every ten seconds.
class Progress {
 public:
  explicit Progress(std::FILE* stream);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// A line that stays.
  void say(const std::string& line);
  /// A line that the next one replaces.
  void show(const std::string& line, bool is_last = false);

 private:
  std::FILE* stream_;
  bool is_terminal_;
  bool line_open_ = false;
  double shown_at_ = -1e9;
  sys::Timer timer_;
};

}  // namespace eebench::report
