#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "eebench/train/evaluate.hpp"
#include "eebench/train/event_file.hpp"
#include "eebench/train/trainer.hpp"

namespace eebench::train {

/// train_log.csv, a row a step with the loss at full double precision, epochs.csv, a row a
/// validation, and the same for TensorBoard. For one rank; every row is on its way to the disk
/// before the next step.
class TrainLog {
 public:
  /// Of a network with `exits`. Rows of an earlier run up to `steps` and `epochs` are kept, so that
  /// a resumed run leaves the files of one without interruption; 0 begins them anew.
  TrainLog(const std::filesystem::path& folder, std::size_t exits, std::int64_t steps,
           std::int64_t epochs);

  /// `step` and `epoch` count from 1.
  void step(std::int64_t step, std::int64_t epoch, double learning_rate, const StepReport& report);
  void epoch(std::int64_t epoch, std::int64_t step, const Evaluation& evaluation);

 private:
  std::ofstream steps_;
  std::ofstream epochs_;
  EventFile events_;
};

}  // namespace eebench::train
