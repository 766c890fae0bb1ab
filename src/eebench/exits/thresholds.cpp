#include "eebench/exits/thresholds.hpp"

#include <charconv>
#include <cmath>

#include <fmt/core.h>

#include "eebench/core/error.hpp"

namespace eebench::exits {
namespace {

[[noreturn]] void reject(std::string_view text) {
  throw InputError(
      fmt::format("\"{}\" is no grid of thresholds: write 0.5:0.99:0.05, [0.5, 0.9] or "
                  "logit:2:8:0.5 (first, last, step)",
                  text));
}

std::vector<double> numbers(std::string_view list, char separator, std::string_view text) {
  std::vector<double> values;
  while (true) {
    const std::size_t end = list.find(separator);
    std::string_view word = list.substr(0, end);
    while (!word.empty() && word.front() == ' ') {
      word.remove_prefix(1);
    }
    while (!word.empty() && word.back() == ' ') {
      word.remove_suffix(1);
    }
    double value = 0.0;
    const auto [stop, error] = std::from_chars(word.data(), word.data() + word.size(), value);
    if (error != std::errc() || stop != word.data() + word.size() || !std::isfinite(value)) {
      reject(text);
    }
    values.push_back(value);
    if (end == std::string_view::npos) {
      return values;
    }
    list.remove_prefix(end + 1);
  }
}

std::vector<double> steps(std::string_view range, std::string_view text) {
  const std::vector<double> parts = numbers(range, ':', text);
  if (parts.size() != 3 || !(parts[2] > 0.0) || parts[1] < parts[0] ||
      (parts[1] - parts[0]) / parts[2] > 1e6) {
    reject(text);
  }
  const auto count = static_cast<std::int64_t>(std::floor((parts[1] - parts[0]) / parts[2] + 1e-9));
  std::vector<double> values;
  for (std::int64_t i = 0; i <= count; ++i) {
    // twelve digits: 0.5 + 3 * 0.05 is to be 0.65
    values.push_back(std::round((parts[0] + static_cast<double>(i) * parts[2]) * 1e12) / 1e12);
  }
  return values;
}

}  // namespace

std::vector<double> parse_grid(std::string_view text) {
  constexpr std::string_view logit = "logit:";
  if (text.starts_with(logit)) {
    std::vector<double> values = steps(text.substr(logit.size()), text);
    for (double& value : values) {
      value = 1.0 / (1.0 + std::exp(-value));
    }
    return values;
  }
  if (text.find(':') != std::string_view::npos) {
    return steps(text, text);
  }
  const bool bracketed = text.size() >= 2 && text.front() == '[' && text.back() == ']';
  return numbers(bracketed ? text.substr(1, text.size() - 2) : text, ',', text);
}

std::vector<double> thresholds_for(std::span<const double> thresholds, std::int64_t exits) {
  const auto early = static_cast<std::size_t>(exits - 1);
  if (thresholds.size() != early && thresholds.size() != 1) {
    throw InputError(
        fmt::format("{} thresholds for {} exits: give one, or one for each of the {} "
                    "early exits",
                    thresholds.size(), exits, early));
  }
  for (const double threshold : thresholds) {
    if (std::isnan(threshold)) {
      throw InputError("a threshold is not a number: give numbers");
    }
  }
  if (thresholds.size() == early) {
    return {thresholds.begin(), thresholds.end()};
  }
  return std::vector<double>(early, thresholds.front());
}

}  // namespace eebench::exits
