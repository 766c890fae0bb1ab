#include "eebench/data/jet_values.hpp"

#include <algorithm>
#include <functional>

#include <fmt/format.h>

#include "eebench/core/error.hpp"

namespace eebench::data {
namespace {

constexpr std::string_view label_prefix = "label_";

/// The class that a column label_<class> is of; classes().size() where it is none of the file.
std::size_t class_named(const JetFile& file, const std::string& column) {
  const auto& classes = file.classes();
  if (!column.starts_with(label_prefix)) {
    return classes.size();
  }
  return static_cast<std::size_t>(
      std::find(classes.begin(), classes.end(), column.substr(label_prefix.size())) -
      classes.begin());
}

}  // namespace

std::vector<Column> jet_values(const JetFile& file, const DataConfig& config,
                               const std::string& key, std::span<const Expression> formulas,
                               std::int64_t begin, std::int64_t end) {
  std::vector<std::string> names;
  for (const Expression& formula : formulas) {
    names.insert(names.end(), formula.names().begin(), formula.names().end());
  }
  std::vector<std::string> stored;
  for (const std::string& name : config.read_by(names)) {
    if (name == "label" || class_named(file, name) < file.classes().size()) {
      continue;
    }
    if (!name.starts_with("jet_") || !file.has(name)) {
      throw InputError(fmt::format(
          "{}: {}: {} has no number a jet called '{}'; use its columns jet_*, label_<class>, or "
          "new variables made of them",
          config.file.string(), key, file.path().string(), name));
    }
    if (std::find(stored.begin(), stored.end(), name) == stored.end()) {
      stored.push_back(name);
    }
  }
  JetColumns jets = file.read(begin, end, stored);
  const std::size_t count = jets.labels.size();
  const std::function<const Column&(const std::string&)> column =
      [&](const std::string& name) -> const Column& {
    if (const auto known = jets.values.find(name); known != jets.values.end()) {
      return known->second;
    }
    if (const Expression* formula = config.defined(name)) {
      return jets.values.emplace(name, formula->evaluate(column, count)).first->second;
    }
    const auto wanted = static_cast<std::int64_t>(class_named(file, name));
    Column values;
    for (const std::int64_t label : jets.labels) {
      values.push_back(name == "label" ? static_cast<float>(label)
                                       : static_cast<float>(label == wanted));
    }
    return jets.values.emplace(name, std::move(values)).first->second;
  };
  std::vector<Column> values;
  for (const Expression& formula : formulas) {
    values.push_back(formula.evaluate(column, count));
  }
  return values;
}

std::vector<bool> selected(const JetFile& file, const DataConfig& config,
                           const std::optional<Expression>& selection, std::int64_t begin,
                           std::int64_t end) {
  std::vector<bool> kept(static_cast<std::size_t>(end - begin), true);
  if (selection) {
    const Column says = jet_values(file, config, "selection", {&*selection, 1}, begin, end).front();
    std::transform(says.begin(), says.end(), kept.begin(), [](float x) { return x != 0.0F; });
  }
  return kept;
}

}  // namespace eebench::data
