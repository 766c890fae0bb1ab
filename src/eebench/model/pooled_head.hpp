#pragma once

#include <cstdint>
#include <vector>

#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

#include "eebench/model/cost.hpp"
#include "eebench/nn/linear.hpp"
#include "eebench/nn/norm.hpp"

namespace eebench::model {

struct PooledHeadOptions {
  std::int64_t in = 0;
  std::vector<std::int64_t> particle_widths;  ///< linear layers on the particles
  std::int64_t width = 0;                     ///< of the hidden layer
  std::int64_t classes = 0;
  double dropout = 0.0;
  std::uint64_t site = 0;  ///< distinct for every head of a network
};

/// An early head on particles: BatchNorm, linear layers with ReLU, mean and maximum over the
/// particles of a jet, one hidden layer.
class PooledHeadImpl : public torch::nn::Module {
 public:
  explicit PooledHeadImpl(const PooledHeadOptions& options);
  /// x [sum n, in].
  HeadOutput forward(at::Tensor x, const nn::Ragged& jets, const nn::Context& context);
  void cost(std::int64_t n, CostCounter& counter) const;

 private:
  double dropout_;
  std::uint64_t site_;
  nn::BatchNorm norm_{nullptr};
  std::vector<nn::Linear> particle_;
  nn::Linear hidden_{nullptr};
  nn::Linear fc_{nullptr};
};
TORCH_MODULE(PooledHead);

}  // namespace eebench::model
