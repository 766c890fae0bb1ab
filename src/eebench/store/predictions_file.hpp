#pragma once

#include <filesystem>
#include <functional>

#include "eebench/comm/communicator.hpp"
#include "eebench/h5/attributes.hpp"
#include "eebench/store/all_exits.hpp"
#include "eebench/store/share_file.hpp"
#include "eebench/store/taken_exits.hpp"

namespace eebench::store {

/// \collective Writes every rank's share into one file for xarray, jets in the order of the data:
/// logits[jet, exit, class], exit_index[jet] (nobody leaves early: the last), label[jet], and what
/// `more` adds. The file appears complete or not at all.
void write_predictions(const std::filesystem::path& path, const comm::Communicator& comm,
                       const AllExits& share, const h5::Attributes& attributes,
                       const std::function<void(ShareFile&)>& more);

/// \collective The same with logits[jet, class] of the exit taken.
void write_predictions(const std::filesystem::path& path, const comm::Communicator& comm,
                       const TakenExits& share, const h5::Attributes& attributes,
                       const std::function<void(ShareFile&)>& more);

}  // namespace eebench::store
