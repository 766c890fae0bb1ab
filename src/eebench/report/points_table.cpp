#include "eebench/report/points_table.hpp"

#include <cmath>

#include <fmt/format.h>

#include "eebench/bench/schema.hpp"

namespace eebench::report {
namespace {

using bench::Dimension;

std::vector<std::string> coordinates(const bench::TaskReader& task, Dimension dimension) {
  const std::string name(bench::name(dimension));
  if (dimension == Dimension::class_) {
    return task.texts(name);
  }
  std::vector<std::string> result;
  for (const double value : task.values(name)) {
    result.push_back(fmt::format("{}", value));
  }
  return result;
}

std::vector<std::string> cells(const bench::TaskReader& task, const std::string& name,
                               bench::Type type) {
  if (type == bench::Type::text) {
    return task.texts(name);
  }
  if (task.is_enumeration(name)) {
    return task.names(name);
  }
  std::vector<std::string> result;
  for (const double value : task.values(name)) {
    result.push_back(std::isnan(value) ? "" : fmt::format("{}", value));
  }
  return result;
}

}  // namespace

Table points_table(const bench::TaskReader& task) {
  const std::vector<std::string> states = task.names("state");
  Table table;
  for (const bench::VariableSpec& spec : bench::schema()) {
    std::vector<std::string> labels = {""};
    if (!spec.dimensions.empty()) {
      const Dimension along = spec.dimensions.front();
      if (spec.dimensions.size() > 1 || along == Dimension::sample || along == Dimension::rank ||
          along == Dimension::multiplicity) {
        continue;
      }
      labels = coordinates(task, along);
    }
    for (const std::string& name : bench::names_of(spec)) {
      const std::vector<std::string> all = cells(task, name, spec.type);
      for (std::size_t i = 0; i < labels.size(); ++i) {
        Table::Column column;
        column.name = labels[i].empty() ? name : fmt::format("{}[{}]", name, labels[i]);
        column.is_text = spec.type == bench::Type::text || task.is_enumeration(name);
        for (std::size_t point = 0; point < states.size(); ++point) {
          if (states[point] == "ok") {
            column.cells.push_back(all[point * labels.size() + i]);
          }
        }
        table.columns.push_back(std::move(column));
      }
    }
  }
  return table;
}

}  // namespace eebench::report
