#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include <ATen/core/Tensor.h>

namespace eebench::nn {

/// What an operation must know beside its inputs. One object a forward pass.
struct Context {
  bool training = false;
  /// Fixed-order kernels: a row's result does not depend on the other rows of the call.
  bool deterministic = false;
  /// Linear layers multiply in bfloat16 and answer in the type of their input, as autocast does.
  bool bfloat16 = false;

  /// Dropout draws are keyed by (seed, step, jet_index[b], site, element), never by position.
  std::uint64_t seed = 0;
  std::int64_t step = 0;
  std::vector<std::int64_t> jet_index;  ///< [B] global index of each jet of the batch

  /// Sums a vector over ranks, differentiably in the caller's hands: BatchNorm uses it to make its
  /// statistics those of the global batch. Empty where there is one rank.
  std::function<at::Tensor(const at::Tensor&)> sum_over_ranks;
};

}  // namespace eebench::nn
