#pragma once

#include <cstdint>
#include <optional>

#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

#include "eebench/model/cost.hpp"
#include "eebench/nn/convolution.hpp"
#include "eebench/nn/linear.hpp"
#include "eebench/nn/norm.hpp"

namespace eebench::model {

/// Twice a convolution of three positions, BatchNorm and ReLU, then the shortcut added: the unit of
/// P-CNN. With a stride it thins out the positions.
class PcnnUnitImpl : public torch::nn::Module {
 public:
  PcnnUnitImpl(std::int64_t in, std::int64_t out, std::int64_t stride);
  /// x [B, L, in] to [B, ceil(L / stride), out].
  at::Tensor forward(const at::Tensor& x, const nn::Context& context);
  void prepare();
  /// Of a jet with so many positions behind the unit.
  void cost(std::int64_t positions, CostCounter& counter) const;

 private:
  /// The convolutions with their BatchNorms folded in.
  struct Folded {
    nn::LinearWeights first;
    nn::LinearWeights second;
    nn::LinearWeights shortcut;
  };
  Folded folded() const;

  std::int64_t stride_;
  nn::Conv1d conv1_{nullptr};
  nn::BatchNorm bn1_{nullptr};
  nn::Conv1d conv2_{nullptr};
  nn::BatchNorm bn2_{nullptr};
  nn::Conv1d conv_sc_{nullptr};  ///< empty where the shortcut is the identity
  std::optional<Folded> prepared_;
};
TORCH_MODULE(PcnnUnit);

/// What a convolution, its BatchNorm (folded) and its ReLU cost at so many positions.
void convolution_cost(const nn::Conv1d& conv, std::int64_t positions, CostCounter& counter);

}  // namespace eebench::model
