#pragma once

#include "eebench/bench/subject.hpp"
#include "eebench/comm/communicator.hpp"

namespace eebench::cli {

/// Loads a network of a suite on this rank's device and opens the suite's jets with its features.
/// \collective
bench::Subject open_subject(const comm::Communicator& comm, const bench::ModelEntry& model,
                            const bench::Suite& suite, int threads);

}  // namespace eebench::cli
