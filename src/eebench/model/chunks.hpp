#pragma once

#include <cstdint>
#include <vector>

#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>
#include <c10/core/GradMode.h>

#include "eebench/nn/concat.hpp"
#include "eebench/nn/context.hpp"
#include "eebench/nn/ragged.hpp"

namespace eebench::model {

/// Consecutive jets and where their rows are.
struct Chunk {
  nn::Ragged jets;
  std::int64_t first_particle;
  std::int64_t first_pair;

  at::Tensor particles(const at::Tensor& x) const {
    return x.narrow(0, first_particle, jets.particles());
  }
  at::Tensor pairs(const at::Tensor& x) const { return x.narrow(0, first_pair, jets.pairs()); }
};

/// What `run` makes of each chunk of jets, one after another. In inference on a CPU a chunk has
/// about so many particles a thread, that its activations stay in the cache; elsewhere all jets are
/// one chunk.
template <class Run>
at::Tensor in_chunks(const nn::Ragged& jets, const at::Tensor& x, std::int64_t particles,
                     const nn::Context& context, const Run& run) {
  if (context.training || c10::GradMode::is_enabled() || !x.device().is_cpu()) {
    return run(Chunk{jets, 0, 0});
  }
  const std::vector<std::int64_t> cuts =
      nn::cuts(jets.offsets(), particles * at::get_num_threads());
  std::vector<at::Tensor> parts;
  for (std::size_t c = 0; c + 1 < cuts.size(); ++c) {
    const auto first = static_cast<std::size_t>(cuts[c]);
    parts.push_back(run(Chunk{jets.range(cuts[c], cuts[c + 1]), jets.offsets()[first],
                              jets.pair_offsets()[first]}));
  }
  return nn::join(parts);
}

}  // namespace eebench::model
