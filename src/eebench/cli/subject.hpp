#pragma once

#include "eebench/bench/subject.hpp"
#include "eebench/cli/command.hpp"

namespace eebench::cli {

/// Loads a network of a suite on this rank's device and opens the suite's jets with its features.
/// \collective
bench::Subject open_subject(Context& context, const bench::ModelEntry& model,
                            const bench::Suite& suite, int threads);

}  // namespace eebench::cli
