#pragma once

#include <filesystem>
#include <string>

#include "eebench/bench/suite.hpp"
#include "eebench/cli/command.hpp"
#include "eebench/report/table.hpp"
#include "eebench/train/session.hpp"

namespace eebench::cli {

/// One row about a training. `name` of the network.
report::Table training_table(const train::Summary& summary, const std::string& name, int ranks);

/// Runs the training of a suite into `folder` and returns a table of one row about it. A stage that
/// was finished before is not run again: its table is in the folder.
/// \collective
std::string run_training_stage(const bench::TrainingStage& stage, const bench::Suite& suite,
                               const std::filesystem::path& folder, int threads, Context& context);

}  // namespace eebench::cli
