#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "eebench/comm/communicator.hpp"

namespace eebench::train {

/// \collective Throws InputError that names `what` where a rank has another text than the root.
void require_same(const std::string& text, const std::string& what, const comm::Communicator& comm);

/// \collective SHA-256 of a file that all ranks name alike. It is read once on each node, and once
/// more for each different file that a rank sees there; calls `alive` on every rank from time to
/// time. Throws InputError where two ranks see different contents.
std::string agreed_sha256(const std::filesystem::path& file, const comm::Communicator& comm,
                          const std::function<void()>& alive);

}  // namespace eebench::train
