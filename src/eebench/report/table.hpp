#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "eebench/stats/interval.hpp"

namespace eebench::report {

/// A table of texts. `units` stand in the headers; an empty cell prints as a dash.
struct Table {
  struct Column {
    std::string name;
    std::string unit;  ///< empty: a pure number or a name
    std::vector<std::string> cells;
    bool is_text = false;  ///< aligned left; quoted in JSON
  };
  std::vector<Column> columns;
  std::size_t rows() const { return columns.empty() ? 0 : columns.front().cells.size(); }
};

/// Takes out the columns that say the same in each of several rows, and says it: "In every row:
/// batch 64 jets, flips 0.0000." Empty where there are none.
std::string take_constants(Table& table);

/// Bars in cells are escaped.
std::string to_markdown(const Table& table);
std::string to_csv(const Table& table);
/// A list with one object a row; keys `name` or `name [unit]`, numbers as numbers, dashes as null.
std::string to_json(const Table& table);

/// Four significant digits, 12300000 as 1.230e+07; empty for NaN.
std::string number(double value);

/// "1.234 (1.200 to 1.270)"; the value alone where there is no interval.
std::string with_interval(double value, const stats::Interval& interval);

/// Six significant digits; "never" for one that no score reaches.
std::string threshold_text(double threshold);

}  // namespace eebench::report
