#include "eebench/report/table.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace eebench::report {
namespace {

constexpr std::string_view dash = "—";

std::string header_of(const Table::Column& column) {
  return column.unit.empty() ? column.name : fmt::format("{} [{}]", column.name, column.unit);
}

/// As it stands in a row of markdown.
std::string cell_text(const std::string& cell) {
  std::string text(cell.empty() ? dash : std::string_view(cell));
  for (std::size_t at = 0; (at = text.find('|', at)) != std::string::npos; at += 2) {
    text.insert(at, "\\");
  }
  return text;
}

/// Characters on the screen: bytes that do not continue a UTF-8 character.
std::size_t width(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

std::string padded(std::string_view text, std::size_t wanted, bool left) {
  const std::string blanks(wanted - std::min(wanted, width(text)), ' ');
  return left ? std::string(text) + blanks : blanks + std::string(text);
}

std::string quoted(const std::string& cell) {
  if (cell.find_first_of(",\"\n") == std::string::npos) {
    return cell;
  }
  std::string result = "\"";
  for (const char c : cell) {
    result += c == '"' ? std::string("\"\"") : std::string(1, c);
  }
  return result + "\"";
}

}  // namespace

std::string number(double value) {
  if (std::isnan(value)) {
    return "";
  }
  const double size = std::abs(value);
  if (value == 0.0 || (size >= 1e-4 && size < 1e5)) {
    const int before = size < 1.0 ? 0 : static_cast<int>(std::floor(std::log10(size))) + 1;
    const int leading =
        size < 1.0 && size > 0.0 ? -static_cast<int>(std::floor(std::log10(size))) - 1 : 0;
    return fmt::format("{:.{}f}", value, std::max(0, 4 - before + leading));
  }
  return fmt::format("{:.3e}", value);
}

std::string with_interval(double value, const stats::Interval& interval) {
  return std::isnan(interval.low) ? number(value)
                                  : fmt::format("{} ({} to {})", number(value),
                                                number(interval.low), number(interval.high));
}

std::string threshold_text(double threshold) {
  return std::isinf(threshold) ? "never" : fmt::format("{:.6g}", threshold);
}

std::string take_constants(Table& table) {
  std::string said;
  if (table.rows() < 2) {
    return said;
  }
  std::erase_if(table.columns, [&](const Table::Column& column) {
    const std::string& first = column.cells.front();
    const bool constant = std::count(column.cells.begin(), column.cells.end(), first) ==
                          static_cast<std::ptrdiff_t>(column.cells.size());
    if (constant) {
      said += fmt::format("{}{} {}{}{}", said.empty() ? "In every row: " : ", ", column.name,
                          first.empty() ? dash : std::string_view(first),
                          column.unit.empty() ? "" : " ", column.unit);
    }
    return constant;
  });
  return said.empty() ? said : said + ".";
}

std::string to_markdown(const Table& table) {
  std::vector<std::size_t> widths;
  for (const Table::Column& column : table.columns) {
    std::size_t widest = std::max<std::size_t>(width(header_of(column)), 3);
    for (const std::string& cell : column.cells) {
      widest = std::max(widest, width(cell_text(cell)));
    }
    widths.push_back(widest);
  }
  std::string text = "|";
  std::string rule = "|";
  for (std::size_t c = 0; c < table.columns.size(); ++c) {
    const bool left = table.columns[c].is_text;
    text += fmt::format(" {} |", padded(header_of(table.columns[c]), widths[c], left));
    rule +=
        fmt::format("{}{}{}", left ? ":" : "-", std::string(widths[c], '-'), left ? "-|" : ":|");
  }
  text += "\n" + rule + "\n";
  for (std::size_t row = 0; row < table.rows(); ++row) {
    text += "|";
    for (std::size_t c = 0; c < table.columns.size(); ++c) {
      text += fmt::format(" {} |", padded(cell_text(table.columns[c].cells[row]), widths[c],
                                          table.columns[c].is_text));
    }
    text += "\n";
  }
  return text;
}

std::string to_csv(const Table& table) {
  std::string text;
  for (std::size_t c = 0; c < table.columns.size(); ++c) {
    text += fmt::format("{}{}", c > 0 ? "," : "", quoted(header_of(table.columns[c])));
  }
  text += "\n";
  for (std::size_t row = 0; row < table.rows(); ++row) {
    for (std::size_t c = 0; c < table.columns.size(); ++c) {
      text += fmt::format("{}{}", c > 0 ? "," : "", quoted(table.columns[c].cells[row]));
    }
    text += "\n";
  }
  return text;
}

std::string to_json(const Table& table) {
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  for (std::size_t row = 0; row < table.rows(); ++row) {
    nlohmann::ordered_json object;
    for (const Table::Column& column : table.columns) {
      const std::string& cell = column.cells[row];
      double value = 0.0;
      const auto [end, error] = std::from_chars(cell.data(), cell.data() + cell.size(), value);
      nlohmann::ordered_json& entry = object[header_of(column)];
      if (cell.empty()) {
        entry = nullptr;
      } else if (!column.is_text && error == std::errc() && end == cell.data() + cell.size()) {
        entry = value;
      } else {
        entry = cell;
      }
    }
    rows.push_back(object);
  }
  return rows.dump(2) + "\n";
}

}  // namespace eebench::report
