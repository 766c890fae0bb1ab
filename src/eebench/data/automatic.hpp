#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "eebench/comm/communicator.hpp"
#include "eebench/data/data_config.hpp"

namespace eebench::data {

/// Where the numbers of `preprocess: {method: auto}` are kept: X.<MD5 of X.yaml>.auto.yaml, as
/// weaver-core calls it, in the folder of X.yaml.
std::filesystem::path automatic_file(const std::filesystem::path& yaml);

/// \collective For a configuration with automatic inputs: a file that has the numbers in their
/// place, which weaver-core reads too. Taken from automatic_file() or, of that name, from `folder`
/// where one is there, else made of the selected jets among the first `data_fraction` of `jets`:
/// median and percentiles over all ranks, whatever their number. It is written beside the
/// configuration or, where that is not allowed, into `folder`. `say` is told which, on the root.
std::filesystem::path find_numbers(const DataConfig& config, const std::filesystem::path& jets,
                                   const std::filesystem::path& folder,
                                   const comm::Communicator& comm,
                                   const std::function<void(const std::string&)>& say);

}  // namespace eebench::data
