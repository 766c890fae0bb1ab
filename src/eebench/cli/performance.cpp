#include "eebench/cli/performance.hpp"

#include <cmath>
#include <span>

#include <fmt/format.h>

#include "eebench/exits/replay.hpp"
#include "eebench/stats/auc_interval.hpp"
#include "eebench/stats/classification.hpp"

namespace eebench::cli {
namespace {

// Of the bootstrap behind intervals of AUC, which takes two seconds for 110,000 jets.
constexpr std::uint64_t seed = 1;
constexpr std::int64_t replicas = 200;
constexpr std::size_t most_jets = 1'000'000;

/// With its interval, unless there is none or there are so many jets that it is narrow and takes
/// long.
std::string auc_text(const stats::Predictions& predictions) {
  const double auc = stats::macro_auc(predictions);
  if (std::isnan(auc)) {
    return {};
  }
  if (predictions.labels.size() <= most_jets) {
    const stats::Interval interval = stats::macro_auc_interval(predictions, seed, replicas);
    if (!std::isnan(interval.low)) {
      return fmt::format("{:.5f} ({:.5f} to {:.5f})", auc, interval.low, interval.high);
    }
  }
  return fmt::format("{:.5f}", auc);
}

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
  return report::with_interval(rejection.value, rejection.interval);
}

/// Column 0 names the rows that add_column will give.
report::Table empty_table(const std::vector<std::string>& classes) {
  report::Table table;
  table.columns.push_back({"95 % intervals in brackets", "", {}, true});
  std::vector<std::string>& rows = table.columns.front().cells;
  rows = {"jets", "share of all, %", "accuracy", "macro one-vs-one AUC",
          "expected calibration error"};
  const std::string background = stats::background_class(classes);
  for (const std::string& name : classes) {
    if (!background.empty() && name != background) {
      rows.push_back(fmt::format("{} rejection at {:g} % {}", background,
                                 100.0 * stats::working_point(name), name));
    }
  }
  return table;
}

void add_column(report::Table& table, const std::string& name, std::span<const float> logits,
                std::span<const std::int64_t> labels, std::size_t all_jets,
                const std::vector<std::string>& classes) {
  const stats::Predictions predictions{logits, labels, static_cast<std::int64_t>(classes.size())};
  const double calibration = stats::calibration_error(predictions);
  std::vector<std::string> cells{
      std::to_string(labels.size()), share(labels.size(), all_jets),
      text(stats::accuracy(predictions)), auc_text(predictions),
      std::isnan(calibration) ? std::string() : fmt::format("{:.4f}", calibration)};
  const std::string background = stats::background_class(classes);
  if (!background.empty()) {
    for (const stats::Rejection& r : stats::rejections(predictions, classes, background)) {
      cells.push_back(text(r));
    }
  }
  table.columns.push_back({name, "", cells, true});
}

}  // namespace

report::Table performance(const comm::Communicator& comm, const store::AllExits& share) {
  const auto classes = static_cast<std::int64_t>(share.classes.size());
  report::Table table;
  if (comm.is_root()) {
    table = empty_table(share.classes);
  }
  const std::vector<std::int64_t> labels = store::gather_on_root(comm, share.labels);
  for (std::int32_t exit = 0; exit < share.exits; ++exit) {
    const std::vector<std::int32_t> here(share.labels.size(), exit);
    const std::vector<float> logits =
        store::gather_on_root(comm, exits::taken_logits(share.logits, here, share.exits, classes));
    if (comm.is_root()) {
      add_column(table, fmt::format("exit {}", exit), logits, labels, labels.size(), share.classes);
    }
  }
  return table;
}

report::Table performance(const comm::Communicator& comm, const store::TakenExits& share) {
  const std::size_t classes = share.classes.size();
  const std::vector<float> all_logits = store::gather_on_root(comm, share.logits);
  const std::vector<std::int64_t> labels = store::gather_on_root(comm, share.labels);
  const std::vector<std::int64_t> exit_index = store::gather_on_root(comm, share.exit_index);
  if (!comm.is_root()) {
    return {};
  }
  report::Table table = empty_table(share.classes);
  for (std::int64_t exit = 0; exit < share.exits; ++exit) {
    std::vector<float> of_exit;
    std::vector<std::int64_t> labels_of_exit;
    for (std::size_t jet = 0; jet < labels.size(); ++jet) {
      if (exit_index[jet] == exit) {
        const float* logits = &all_logits[jet * classes];
        of_exit.insert(of_exit.end(), logits, logits + classes);
        labels_of_exit.push_back(labels[jet]);
      }
    }
    add_column(table, fmt::format("leaving at exit {}", exit), of_exit, labels_of_exit,
               labels.size(), share.classes);
  }
  add_column(table, "all", all_logits, labels, labels.size(), share.classes);
  return table;
}

}  // namespace eebench::cli
