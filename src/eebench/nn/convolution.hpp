#pragma once

#include <cstdint>

#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

#include "eebench/nn/context.hpp"
#include "eebench/nn/ragged.hpp"

namespace eebench::nn {

/// x [sum n, C] to [B, length, C], zeros behind the rows of each jet; every n at most `length`.
at::Tensor pad(const at::Tensor& x, const Ragged& jets, std::int64_t length);

/// x [B, L, C] to its windows of `kernel` (odd) positions around every stride-th one, zeros beyond
/// both ends: [B * ceil(L / stride), kernel * C], the channels of a position side by side.
at::Tensor windows(const at::Tensor& x, std::int64_t kernel, std::int64_t stride);

struct Conv1dOptions {
  std::int64_t kernel = 3;
  std::int64_t stride = 1;
  bool bias = true;
};

/// Convolution along the positions of x [B, L, in], zeros beyond both ends, as a linear layer on
/// windows(): a jet's result does not depend on the other jets.
class Conv1dImpl : public torch::nn::Module {
 public:
  Conv1dImpl(std::int64_t in, std::int64_t out, Conv1dOptions options = {});
  /// Returns [B * ceil(L / stride), out].
  at::Tensor forward(const at::Tensor& x, const Context& context);

  std::int64_t in() const { return weight.size(1); }
  std::int64_t out() const { return weight.size(0); }
  const Conv1dOptions& options() const { return options_; }
  /// [out, kernel * in], what windows are multiplied by.
  at::Tensor matrix() const;

  at::Tensor weight;  ///< [out, in, kernel]
  at::Tensor bias;    ///< [out], undefined without bias

 private:
  Conv1dOptions options_;
};
TORCH_MODULE(Conv1d);

}  // namespace eebench::nn
