#pragma once

#include <cstdint>

#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

#include "eebench/nn/context.hpp"
#include "eebench/nn/linear.hpp"

namespace eebench::nn {

/// LayerNorm over the last dimension of x [rows, C], eps 1e-5.
class LayerNormImpl : public torch::nn::Module {
 public:
  explicit LayerNormImpl(std::int64_t channels);
  at::Tensor forward(const at::Tensor& x, const Context& context);

  at::Tensor weight;  ///< [C]
  at::Tensor bias;    ///< [C]
};
TORCH_MODULE(LayerNorm);

/// BatchNorm over the rows of x [rows, C] (eps 1e-5, momentum 0.1). In training the statistics are
/// those of the rows of all ranks (Context::sum_over_ranks), so the division of a batch over ranks
/// does not change them. A frozen one uses its running statistics even then.
class BatchNormImpl : public torch::nn::Module {
 public:
  explicit BatchNormImpl(std::int64_t channels);
  at::Tensor forward(const at::Tensor& x, const Context& context);
  /// relu(forward(x)), in training on the CPU in the same pass over memory.
  at::Tensor forward_relu(const at::Tensor& x, const Context& context);

  /// y = x * scale + shift, the same function in evaluation.
  struct Affine {
    at::Tensor scale;  ///< [C]
    at::Tensor shift;  ///< [C]
  };
  Affine folded() const;

  at::Tensor weight;
  at::Tensor bias;
  at::Tensor running_mean;
  at::Tensor running_var;
  at::Tensor num_batches_tracked;  ///< int64 scalar

 private:
  at::Tensor forward_training(const at::Tensor& x, bool with_relu, const Context& context);
  /// Moves the running statistics towards those of a batch.
  void track(const at::Tensor& mean, const at::Tensor& variance, const at::Tensor& rows);
};
TORCH_MODULE(BatchNorm);

/// relu(x * scale + shift) of x [rows, C].
at::Tensor affine_relu(const at::Tensor& x, const BatchNormImpl::Affine& affine);

/// A linear layer (bias may be undefined) and the BatchNorm behind it as one layer for inference.
LinearWeights folded(LinearWeights weights, const BatchNorm& norm);

inline constexpr double norm_eps = 1e-5;

}  // namespace eebench::nn
