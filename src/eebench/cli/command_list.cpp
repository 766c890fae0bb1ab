#include <algorithm>
#include <array>
#include <filesystem>
#include <memory>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "eebench/bench/schema.hpp"
#include "eebench/bench/suite.hpp"
#include "eebench/cli/command.hpp"
#include "eebench/core/names.hpp"
#include "eebench/exits/rule.hpp"
#include "eebench/model/registry.hpp"
#include "eebench/nn/quantizer.hpp"
#include "eebench/sys/resource.hpp"
#include "eebench/train/loss.hpp"
#include "eebench/train/optimiser.hpp"
#include "eebench/train/schedule.hpp"

namespace eebench::cli {
namespace {

struct Row {
  std::string name;
  std::string sentence;
};

template <class Registry>
std::vector<Row> rows_of(const Registry& registry) {
  std::vector<Row> rows;
  for (const auto& row : registry) {
    rows.push_back({std::string(row.name), std::string(row.sentence)});
  }
  return rows;
}

std::vector<Row> list_models() { return rows_of(model::model_registry()); }
std::vector<Row> list_losses() { return rows_of(train::loss_registry()); }
std::vector<Row> list_optimisers() { return rows_of(train::optimiser_registry()); }
std::vector<Row> list_schedules() { return rows_of(train::schedule_registry()); }

std::vector<Row> list_rules() {
  std::vector<Row> rows = rows_of(exits::rule_registry());
  rows.push_back({"<formula>", fmt::format("of {}: for example \"p_max * (patience >= 1)\"",
                                           exits::formula_variables())});
  return rows;
}

std::vector<Row> list_quantizers() {
  std::vector<Row> rows;
  for (const nn::QuantizerKind& kind : nn::quantizer_kinds()) {
    rows.push_back({std::string(kind.form), std::string(kind.description)});
  }
  return rows;
}

std::vector<Row> list_suites() {
  std::vector<Row> rows;
  for (const auto& entry : std::filesystem::directory_iterator(sys::find_resource("suites"))) {
    if (entry.path().extension() == ".toml") {
      rows.push_back({entry.path().stem().string(), bench::load_suite(entry.path(), {}).sentence});
    }
  }
  std::sort(rows.begin(), rows.end(),
            [](const Row& left, const Row& right) { return left.name < right.name; });
  return rows;
}

// What a task file holds besides settings and records.
std::vector<Row> list_metrics() {
  std::vector<Row> rows;
  for (const bench::VariableSpec& variable : bench::schema()) {
    if (variable.mark == bench::Mark::measured || variable.mark == bench::Mark::replayed) {
      rows.push_back(
          {std::string(variable.name), fmt::format("{} [{}], {}", variable.meaning, variable.unit,
                                                   bench::name(variable.mark))});
    }
  }
  return rows;
}

struct Kind {
  std::string_view name;
  std::vector<Row> (*rows)();
};

constexpr std::array kinds{
    Kind{"models", &list_models},       Kind{"rules", &list_rules},
    Kind{"losses", &list_losses},       Kind{"optimisers", &list_optimisers},
    Kind{"schedules", &list_schedules}, Kind{"suites", &list_suites},
    Kind{"metrics", &list_metrics},     Kind{"quantizers", &list_quantizers}};

void print(const std::vector<Row>& rows, bool json) {
  if (json) {
    auto list = nlohmann::ordered_json::array();
    for (const Row& row : rows) {
      list.push_back({{"name", row.name}, {"sentence", row.sentence}});
    }
    fmt::print("{}\n", list.dump(2));
    return;
  }
  std::size_t width = 0;
  for (const Row& row : rows) {
    width = std::max(width, row.name.size());
  }
  for (const Row& row : rows) {
    fmt::print("{:<{}}  {}\n", row.name, width, row.sentence);
  }
}

struct Options {
  std::string kind;
  bool json = false;
};

}  // namespace

Runner setup_list(CLI::App& app) {
  const auto options = std::make_shared<Options>();
  std::vector<std::string> names;
  for (const Kind& kind : kinds) {
    names.emplace_back(kind.name);
  }
  app.add_option("kind", options->kind, fmt::format("One of {}", fmt::join(names, ", ")))
      ->required();
  app.add_flag("--json", options->json, "As a JSON array of {name, sentence}");
  return [options](Context& context) {
    const Kind& kind = entry_of(kinds, "kind", options->kind, "eebench list");
    if (context.comm.is_root()) {
      print(kind.rows(), options->json);
    }
    return ExitCode::ok;
  };
}

}  // namespace eebench::cli
