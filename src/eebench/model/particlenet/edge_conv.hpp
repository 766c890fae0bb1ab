#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

#include "eebench/model/cost.hpp"
#include "eebench/nn/context.hpp"
#include "eebench/nn/linear.hpp"
#include "eebench/nn/norm.hpp"
#include "eebench/nn/ragged.hpp"

namespace eebench::model {

/// EdgeConv (Wang et al., arXiv:1801.07829) as ParticleNet uses it (Qu, Gouskos, arXiv:1902.08570):
/// three layers on the edges to the k nearest neighbours, mean over neighbours, shortcut.
///
/// The first layer on concat(f_i, f_j - f_i) is two layers on particles, (Wa - Wb) f_i + Wb f_j,
/// added on the edges: k times less work than on the edges, the same function.
class EdgeConvImpl : public torch::nn::Module {
 public:
  EdgeConvImpl(std::int64_t in, const std::vector<std::int64_t>& channels, std::int64_t k);
  /// coordinates [sum n, D] decide the neighbours, f [sum n, in]. Returns [sum n, channels.back()].
  at::Tensor forward(const at::Tensor& coordinates, const at::Tensor& f, const nn::Ragged& jets,
                     const nn::Context& context);
  void cost(std::int64_t n, std::int64_t coordinates, CostCounter& counter) const;
  /// Folds the layers for inference once and for all.
  void prepare();
  std::int64_t out() const { return channels_.back(); }

 private:
  /// The layers with their BatchNorms folded in.
  struct Folded {
    nn::LinearWeights self;
    nn::LinearWeights other;
    std::vector<nn::LinearWeights> edges;
    nn::LinearWeights shortcut;
  };
  Folded folded() const;
  /// Wa - Wb and Wb.
  std::pair<at::Tensor, at::Tensor> first_layer() const;
  /// Edges are made and forgotten tile by tile: [sum n * k, C] is never in memory.
  at::Tensor forward_folded(const Folded& layers, const at::Tensor& f, const at::Tensor& neighbours,
                            const nn::Context& context) const;
  at::Tensor forward_training(const at::Tensor& f, const at::Tensor& neighbours,
                              const nn::Context& context);

  std::int64_t in_;
  std::vector<std::int64_t> channels_;
  std::int64_t k_;
  std::vector<nn::Linear> convs_;
  std::vector<nn::BatchNorm> bns_;
  nn::Linear sc_{nullptr};  ///< empty where the shortcut is the identity
  nn::BatchNorm sc_bn_{nullptr};
  std::optional<Folded> prepared_;
};
TORCH_MODULE(EdgeConv);

}  // namespace eebench::model
