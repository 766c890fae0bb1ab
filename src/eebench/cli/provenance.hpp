#pragma once

#include <string>

#include "eebench/bench/suite.hpp"
#include "eebench/comm/communicator.hpp"
#include "eebench/exec/executor.hpp"
#include "eebench/h5/attributes.hpp"

namespace eebench::cli {

/// Whether some node has more threads of ours than cores: times then say how the program behaves,
/// not how fast the machine is. \collective
bool oversubscribed(const comm::Communicator& comm, int threads);

/// Root attributes of a result file: by which program, on which machine.
/// \collective
h5::Attributes provenance(const comm::Communicator& comm, const std::string& command_line,
                          const exec::Settings& settings);

/// Those of a task file: also what was run.
/// \collective
h5::Attributes provenance(const comm::Communicator& comm, const bench::Suite& suite,
                          const std::string& campaign, const std::string& command_line,
                          int threads);

}  // namespace eebench::cli
