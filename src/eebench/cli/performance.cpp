#include "eebench/cli/performance.hpp"

#include <cmath>

#include <fmt/format.h>

#include "eebench/exits/replay.hpp"
#include "eebench/stats/classification.hpp"

namespace eebench::cli {
namespace {

/// Some of the jets, answered by one exit or by several.
struct Answers {
  std::vector<float> logits;         ///< [jets, classes]
  std::vector<std::int64_t> labels;  ///< [jets]
};

std::string share(std::size_t jets, std::size_t all) {
  return report::number(100.0 * static_cast<double>(jets) / static_cast<double>(all));
}

std::string text(const stats::Accuracy& accuracy) {
  return accuracy.jets == 0 ? std::string()
                            : fmt::format("{:.4f} ({:.4f} to {:.4f})", accuracy.value,
                                          accuracy.interval.low, accuracy.interval.high);
}

std::string text(const stats::Rejection& rejection) {
  if (std::isnan(rejection.value)) {
    return {};
  }
  if (rejection.lower_limit) {
    return "> " + report::number(rejection.value);
  }
  return fmt::format("{} ({} to {})", report::number(rejection.value),
                     report::number(rejection.interval.low),
                     report::number(rejection.interval.high));
}

/// Column 0 names the rows that add_column will give.
report::Table empty_table(const std::vector<std::string>& classes) {
  report::Table table;
  table.columns.push_back({"95 % intervals in brackets", "", {}, true});
  std::vector<std::string>& rows = table.columns.front().cells;
  rows = {"jets", "share of all, %", "accuracy", "macro one-vs-one AUC"};
  const std::string background = stats::background_class(classes);
  for (const std::string& name : classes) {
    if (!background.empty() && name != background) {
      rows.push_back(fmt::format("{} rejection at {:g} % {}", background,
                                 100.0 * stats::working_point(name), name));
    }
  }
  return table;
}

void add_column(report::Table& table, const std::string& name, const Answers& answers,
                std::size_t all_jets, const std::vector<std::string>& classes) {
  const stats::Predictions predictions{answers.logits, answers.labels,
                                       static_cast<std::int64_t>(classes.size())};
  const double auc = stats::macro_auc(predictions);
  std::vector<std::string> cells{std::to_string(answers.labels.size()),
                                 share(answers.labels.size(), all_jets),
                                 text(stats::accuracy(predictions)),
                                 std::isnan(auc) ? std::string() : fmt::format("{:.5f}", auc)};
  const std::string background = stats::background_class(classes);
  if (!background.empty()) {
    for (const stats::Rejection& r : stats::rejections(predictions, classes, background)) {
      cells.push_back(text(r));
    }
  }
  table.columns.push_back({name, "", cells, true});
}

}  // namespace

report::Table performance(const store::AllExits& jets) {
  const auto classes = static_cast<std::int64_t>(jets.classes.size());
  report::Table table = empty_table(jets.classes);
  for (std::int32_t exit = 0; exit < jets.exits; ++exit) {
    const std::vector<std::int32_t> here(jets.labels.size(), exit);
    add_column(table, fmt::format("exit {}", exit),
               {exits::taken_logits(jets.logits, here, jets.exits, classes), jets.labels},
               jets.labels.size(), jets.classes);
  }
  return table;
}

report::Table performance(const store::TakenExits& jets) {
  const std::size_t classes = jets.classes.size();
  report::Table table = empty_table(jets.classes);
  for (std::int64_t exit = 0; exit < jets.exits; ++exit) {
    Answers answers;
    for (std::size_t jet = 0; jet < jets.labels.size(); ++jet) {
      if (jets.exit_index[jet] == exit) {
        const float* logits = &jets.logits[jet * classes];
        answers.logits.insert(answers.logits.end(), logits, logits + classes);
        answers.labels.push_back(jets.labels[jet]);
      }
    }
    add_column(table, fmt::format("leaving at exit {}", exit), answers, jets.labels.size(),
               jets.classes);
  }
  add_column(table, "all", {jets.logits, jets.labels}, jets.labels.size(), jets.classes);
  return table;
}

}  // namespace eebench::cli
