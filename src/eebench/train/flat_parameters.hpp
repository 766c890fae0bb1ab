#pragma once

#include <cstddef>
#include <vector>

#include <ATen/core/Tensor.h>

#include "eebench/model/network.hpp"
#include "eebench/train/settings.hpp"

namespace eebench::train {

/// The trainable parameters of a network as views of one tensor, and their gradients as views of
/// another: summing over ranks, clipping and the optimiser are each one operation.
class FlatParameters {
 public:
  FlatParameters(model::Network& network, const Settings& settings);

  at::Tensor& values() { return values_; }
  at::Tensor& gradients() { return gradients_; }
  const std::vector<at::Tensor>& parameters() const { return parameters_; }
  /// Elements of each parameter, in the order of the buffers.
  const std::vector<std::size_t>& counts() const { return counts_; }
  /// 1 for elements that weight decay applies to (matrices), 0 for biases, norms and tokens.
  const at::Tensor& decays() const { return decays_; }
  /// Factor on the learning rate of each element.
  const at::Tensor& lr_factors() const { return lr_factors_; }

 private:
  at::Tensor values_;
  at::Tensor gradients_;
  at::Tensor decays_;
  at::Tensor lr_factors_;
  std::vector<at::Tensor> parameters_;
  std::vector<std::size_t> counts_;
};

}  // namespace eebench::train
