#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "eebench/comm/communicator.hpp"
#include "eebench/store/all_exits.hpp"

namespace eebench::store {

/// What the numbers were made from: written as attributes, compared before they are used again.
using Origin = std::map<std::string, std::string>;

/// \collective Writes every rank's share into one file for xarray: dimensions jet, exit, class;
/// logits, the rules' scores (dimension early_exit for those that look at embeddings), label,
/// multiplicity, jet_pt. The file appears complete or not at all; until then it is `part`, a path
/// that no other job writes.
void write_scores(const std::filesystem::path& path, const std::filesystem::path& part,
                  const comm::Communicator& comm, const AllExits& share, const Origin& origin);

/// Reads all jets, on this rank alone. Throws InputError where something is missing.
AllExits read_scores(const std::filesystem::path& path);

/// \collective The whole file on every rank; nothing if there is no such file, it cannot be read or
/// it has another origin.
std::optional<AllExits> find_scores(const std::filesystem::path& path,
                                    const comm::Communicator& comm, const Origin& origin);

}  // namespace eebench::store
