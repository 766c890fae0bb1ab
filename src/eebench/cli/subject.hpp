#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "eebench/bench/subject.hpp"
#include "eebench/comm/communicator.hpp"
#include "eebench/exits/gate.hpp"
#include "eebench/model/weights.hpp"

namespace eebench::cli {

/// Loads a network of a suite on this rank's device and opens the suite's jets with its features.
/// \collective
bench::Subject open_subject(const comm::Communicator& comm, const bench::ModelEntry& model,
                            const bench::Suite& suite, int threads);

/// Throws InputError unless every rank read the same: one path may lead to other files on other
/// nodes. `digest`: of what this rank read from `file`. \collective
void check_same_on_all_ranks(const comm::Communicator& comm, const std::filesystem::path& file,
                             const std::string& digest);

/// Gates of the learned rule that were stored with weights; empty where none were fitted.
std::vector<exits::Gate> gates_of(const model::Weights& weights);

}  // namespace eebench::cli
