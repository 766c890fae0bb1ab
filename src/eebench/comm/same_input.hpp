#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "eebench/comm/communicator.hpp"

namespace eebench::comm {

/// \collective Throws InputError that names `what`, `remedy` and the first rank, with its host,
/// that has another text than most: one path may lead to other files on other nodes.
void require_same(const std::string& text, const std::string& what, const Communicator& comm,
                  const std::string& remedy =
                      "start all ranks in one folder and give a path to one file on all nodes");

/// \collective SHA-256 of files that all ranks name alike, as joint_sha256. Each is read once on
/// each node, and once more for each different file that a rank sees there; calls `alive` on every
/// rank from time to time. Throws InputError where two ranks see different contents.
std::string agreed_sha256(const std::vector<std::filesystem::path>& files, const Communicator& comm,
                          const std::function<void()>& alive);

}  // namespace eebench::comm
