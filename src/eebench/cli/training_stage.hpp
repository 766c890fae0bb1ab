#pragma once

#include <filesystem>
#include <string>

#include "eebench/bench/suite.hpp"
#include "eebench/cli/command.hpp"
#include "eebench/train/session.hpp"

namespace eebench::cli {

/// A table of one row about a training, marked where there are more threads than cores. `name` of
/// the network. \collective
std::string training_report(const train::Summary& summary, const std::string& name, int threads,
                            const comm::Communicator& comm);

/// Runs the training of a suite into `folder` and returns a table of one row about it. A stage that
/// was finished before is not run again: its table is in the folder.
/// \collective
std::string run_training_stage(const bench::TrainingStage& stage, const bench::Suite& suite,
                               const std::filesystem::path& folder, int threads, Context& context);

}  // namespace eebench::cli
