#include <algorithm>
#include <array>
#include <memory>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "eebench/cli/command.hpp"
#include "eebench/core/names.hpp"
#include "eebench/exits/rule.hpp"

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

std::vector<Row> list_rules() { return rows_of(exits::rule_registry()); }

struct Kind {
  std::string_view name;
  std::vector<Row> (*rows)();
};

constexpr std::array kinds{Kind{"rules", &list_rules}};

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
  return [options, names](Context& context) {
    const auto kind = std::find_if(kinds.begin(), kinds.end(), [&](const Kind& candidate) {
      return candidate.name == options->kind;
    });
    if (kind == kinds.end()) {
      throw_unknown("kind", options->kind, "eebench list", names);
    }
    if (context.comm.is_root()) {
      print(kind->rows(), options->json);
    }
    return ExitCode::ok;
  };
}

}  // namespace eebench::cli
