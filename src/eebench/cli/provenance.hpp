#pragma once

#include <string>

#include "eebench/bench/suite.hpp"
#include "eebench/bench/task_file.hpp"
#include "eebench/comm/communicator.hpp"

namespace eebench::cli {

/// Root attributes of a task file: what was run, by which program, on which machine.
/// \collective
bench::Attributes provenance(const comm::Communicator& comm, const bench::Suite& suite,
                             const std::string& campaign, const std::string& command_line,
                             int threads);

}  // namespace eebench::cli
