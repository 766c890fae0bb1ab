#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "eebench/bench/scaling.hpp"
#include "eebench/cli/command.hpp"
#include "eebench/cli/subject.hpp"

namespace eebench::cli {

/// What `eebench scale` has its ranks do.
struct ScalingWork {
  bench::ModelEntry model;
  std::string data;
  std::string device = "cpu";
  int threads = 1;
  bool weak = false;        ///< jets are of each rank, not of all together
  std::int64_t jets = 0;    ///< of a step
  std::int64_t batch = 64;  ///< of inference
  std::string rule;         ///< of inference; empty: full depth alone
  std::vector<double> thresholds;
  std::int64_t bytes = 0;  ///< of the all-reduce
};

/// Steps of training: forward, backward, all-reduce, update. \collective over the group, as the
/// stages it opens.
bench::OpenStage open_training(const ScalingWork& work);

/// The same with computation replaced by sleep, as long as it took rank 0 alone for as many jets
/// just before; the all-reduce is real. More ranks than cores then behave as ranks with cores of
/// their own.
bench::OpenStage open_emulated_training(const ScalingWork& work);

/// Passes over jets, read anew each time. \collective over the world of the context.
bench::OpenStage open_inference(const ScalingWork& work, Context& context);

/// Sums of float32 whose result is compared with the exact one after every step.
bench::OpenStage open_all_reduce(const ScalingWork& work);

}  // namespace eebench::cli
