#include "eebench/report/progress.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <unistd.h>

#include "eebench/report/table.hpp"

namespace eebench::report {
namespace {

constexpr double seconds_between_lines = 10.0;

std::string words_for(const bench::Point& point) {
  std::string text = point.rule;
  if (point.is_baseline()) {
    text += fmt::format(" exit {}", point.fixed_exit);
  }
  for (std::size_t i = 0; i < point.thresholds.size(); ++i) {
    if (i == 0 || point.thresholds[i] != point.thresholds[0]) {
      text += " " + threshold_text(point.thresholds[i]);
    }
  }
  return fmt::format("{} batch {}", text, point.batch);
}

}  // namespace

std::string progress_line(const bench::Standing& standing, double seconds,
                          std::int64_t done_before) {
  const auto measured = static_cast<double>(standing.done - done_before);
  const auto left = static_cast<double>(standing.points - standing.done);
  const auto eta = static_cast<std::int64_t>(measured > 0.0 ? seconds / measured * left : 0.0);
  const auto throughput = standing.values == nullptr
                              ? std::string("failed")
                              : number(standing.values->at("throughput").front()) + " jets/s";
  return fmt::format(
      "[{:>3}/{} {:>3}%] {} {}: {}  eta {:02}:{:02}  fail {}", standing.done, standing.points,
      100 * standing.done / std::max<std::int64_t>(standing.points, 1), *standing.model,
      words_for(*standing.point), throughput, eta / 60, eta % 60, standing.failed);
}

std::string share_line(const std::string& what, std::int64_t done, std::int64_t all) {
  return fmt::format("{} {}%", what, all > 0 ? 100 * done / all : 100);
}

Progress::Progress(std::FILE* stream)
    : stream_(stream), is_terminal_(::isatty(::fileno(stream)) != 0) {}

Progress::~Progress() {
  if (line_open_) {
    fmt::print(stream_, "\n");
  }
}

void Progress::say(const std::string& line) {
  fmt::print(stream_, "{}{}\n", line_open_ ? "\n" : "", line);
  std::fflush(stream_);
  line_open_ = false;
}

void Progress::show(const std::string& line, bool is_last) {
  const double now = timer_.seconds();
  if (is_terminal_) {
    fmt::print(stream_, "\r\033[K{}", line);
    line_open_ = true;
  } else if (is_last || now - shown_at_ >= seconds_between_lines) {
    fmt::print(stream_, "{}\n", line);
    shown_at_ = now;
  }
  std::fflush(stream_);
}

}  // namespace eebench::report
