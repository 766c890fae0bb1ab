#pragma once

#include <filesystem>
#include <vector>

#include "eebench/cli/finding.hpp"
#include "eebench/comm/communicator.hpp"

namespace eebench::cli {

/// \collective
std::vector<Finding> look_at_processes(const comm::Communicator& comm);
/// \collective
std::vector<Finding> look_at_files(const comm::Communicator& comm,
                                   const std::filesystem::path& results);
std::vector<Finding> look_at_devices();

}  // namespace eebench::cli
