#include "eebench/train/train_log.hpp"

#include <cmath>
#include <cstdlib>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "eebench/sys/files.hpp"

namespace eebench::train {
namespace {

/// The file with this header and its former rows whose first column is at most `last`.
std::ofstream open(const std::filesystem::path& path, const std::string& header,
                   std::int64_t last) {
  std::string kept = header + "\n";
  std::ifstream former(path);
  std::string line;
  std::getline(former, line);
  while (std::getline(former, line)) {
    if (!line.empty() && std::strtoll(line.c_str(), nullptr, 10) <= last) {
      kept += line + "\n";
    }
  }
  sys::publish_text(path, kept);
  return std::ofstream(path, std::ios::app);
}

std::string columns(const std::string& name, std::size_t exits) {
  std::string text;
  for (std::size_t k = 0; k < exits; ++k) {
    text += fmt::format(",{}_exit{}", name, k);
  }
  return text;
}

/// Exits that were not run are left out.
void add_exits(std::vector<std::pair<std::string, double>>& scalars, const std::string& name,
               const std::vector<double>& values) {
  for (std::size_t k = 0; k < values.size(); ++k) {
    if (!std::isnan(values[k])) {
      scalars.emplace_back(fmt::format("{}_exit{}", name, k), values[k]);
    }
  }
}

std::string joined(const std::vector<double>& values) {
  return fmt::format("{:.6f}", fmt::join(values, ","));
}

}  // namespace

TrainLog::TrainLog(const std::filesystem::path& folder, std::size_t exits, std::int64_t steps,
                   std::int64_t epochs)
    : steps_(open(folder / "train_log.csv",
                  "step,epoch,loss,learning_rate,gradient_norm" + columns("accuracy", exits),
                  steps)),
      epochs_(open(folder / "epochs.csv",
                   "epoch,step" + columns("accuracy", exits) + columns("loss", exits), epochs)),
      events_(folder, steps) {}

void TrainLog::step(std::int64_t step, std::int64_t epoch, double learning_rate,
                    const StepReport& report) {
  steps_ << fmt::format("{},{},{:.17g},{:.9g},{:.9g},{}\n", step, epoch, report.loss, learning_rate,
                        report.gradient_norm, joined(report.exit_accuracy))
         << std::flush;
  std::vector<std::pair<std::string, double>> scalars{
      {"training/loss", report.loss},
      {"training/learning_rate", learning_rate},
      {"training/gradient_norm", report.gradient_norm}};
  add_exits(scalars, "training/accuracy", report.exit_accuracy);
  events_.scalars(step, scalars);
}

void TrainLog::epoch(std::int64_t epoch, std::int64_t step, const Evaluation& evaluation) {
  epochs_ << fmt::format("{},{},{},{:.9g}\n", epoch, step, joined(evaluation.accuracy),
                         fmt::join(evaluation.loss, ","))
          << std::flush;
  std::vector<std::pair<std::string, double>> scalars;
  add_exits(scalars, "validation/accuracy", evaluation.accuracy);
  add_exits(scalars, "validation/loss", evaluation.loss);
  events_.scalars(step, scalars);
}

}  // namespace eebench::train
