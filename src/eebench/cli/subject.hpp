#pragma once

#include <vector>

#include "eebench/bench/subject.hpp"
#include "eebench/cli/command.hpp"
#include "eebench/exits/gate.hpp"
#include "eebench/model/weights.hpp"

namespace eebench::cli {

/// Loads a network of a suite on this rank's device and opens the suite's jets with its features.
/// \collective
bench::Subject open_subject(Context& context, const bench::ModelEntry& model,
                            const bench::Suite& suite, int threads);

/// Gates of the learned rule that were stored with weights; empty where none were fitted.
std::vector<exits::Gate> gates_of(const model::Weights& weights);

}  // namespace eebench::cli
