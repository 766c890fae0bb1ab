#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

#include "eebench/model/cost.hpp"
#include "eebench/nn/context.hpp"
#include "eebench/nn/edges.hpp"
#include "eebench/nn/linear.hpp"
#include "eebench/nn/norm.hpp"
#include "eebench/nn/ragged.hpp"

namespace eebench::model {

/// The scores of squeeze and excitation (Hu et al., arXiv:1709.01507): the mean over a jet through
/// two layers. nn::gate() applies them.
class SqueezeImpl : public torch::nn::Module {
 public:
  explicit SqueezeImpl(std::int64_t channels);
  /// x [rows, C] to [B, C].
  at::Tensor forward(const at::Tensor& x, const nn::Ragged& rows, const nn::Context& context);
  /// Of the scores and of nn::gate() on so many rows.
  void cost(std::int64_t rows, bool gain, CostCounter& counter) const;

 private:
  nn::Linear down_{nullptr};
  nn::Linear up_{nullptr};
};
TORCH_MODULE(Squeeze);

/// relu(BatchNorm) and the layer behind it, the building block of ParticleNeXt.
struct NormLayer {
  nn::BatchNorm norm{nullptr};
  nn::Linear layer{nullptr};
};

struct MultiScaleEdgeConvOptions {
  std::int64_t in = 0;       ///< channels of particles
  std::int64_t edge = 0;     ///< channels of edges
  std::int64_t message = 0;  ///< channels of messages
  std::int64_t out = 0;
  std::vector<std::int64_t> slices;  ///< neighbours of each scale, rising
  std::int64_t maps = 0;             ///< attention maps a scale; divides `message`
};

/// One layer of ParticleNeXt: messages on the edges to the nearest neighbours, pooled by attention
/// over the first few of them at several scales, then a network on the particles.
class MultiScaleEdgeConvImpl : public torch::nn::Module {
 public:
  explicit MultiScaleEdgeConvImpl(const MultiScaleEdgeConvOptions& options);
  /// f [sum n, in] and x [E, edge]. Returns [sum n, out].
  at::Tensor forward(const at::Tensor& f, const at::Tensor& x, const nn::Edges& edges,
                     const nn::Ragged& jets, const nn::Context& context);
  void cost(std::int64_t n, CostCounter& counter) const;
  /// Folds the layers for inference once and for all.
  void prepare();

 private:
  using Affine = nn::BatchNormImpl::Affine;
  /// A layer behind a BatchNorm with ReLU.
  struct FoldedLayer {
    Affine before;
    nn::LinearWeights weights;
  };
  /// The layers with those BatchNorms folded in that follow one directly.
  struct Folded {
    FoldedLayer encode;
    FoldedLayer self;   ///< the first layer of messages: its columns of the particle,
    FoldedLayer other;  ///< of the neighbour
    FoldedLayer edge;   ///< and of the edge
    nn::LinearWeights message;
    std::vector<FoldedLayer> attention;
    FoldedLayer node;
    nn::LinearWeights node_out;
    at::Tensor gamma;  ///< [out]
  };
  Folded folded() const;
  at::Tensor forward_folded(const Folded& layers, const at::Tensor& f, const at::Tensor& x,
                            const nn::Edges& edges, const nn::Ragged& jets,
                            const nn::Context& context);
  at::Tensor forward_training(const at::Tensor& f, const at::Tensor& x, const nn::Edges& edges,
                              const nn::Ragged& jets, const nn::Context& context);
  bool encodes() const { return options_.in != options_.message / 2; }

  MultiScaleEdgeConvOptions options_;
  at::Tensor gamma_;
  NormLayer node_encode_;  ///< empty where particles have as many channels as it would give
  NormLayer edge_first_;
  NormLayer edge_second_;
  Squeeze edge_se_{nullptr};
  std::vector<NormLayer> sa_;
  NormLayer node_first_;
  NormLayer node_second_;
  Squeeze node_se_{nullptr};
  nn::Linear shortcut_{nullptr};  ///< empty where it is the identity
  std::optional<Folded> prepared_;
};
TORCH_MODULE(MultiScaleEdgeConv);

}  // namespace eebench::model
