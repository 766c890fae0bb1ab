#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

#include "eebench/model/cost.hpp"
#include "eebench/nn/context.hpp"
#include "eebench/nn/linear.hpp"
#include "eebench/nn/norm.hpp"
#include "eebench/nn/ragged.hpp"

namespace eebench::model {

/// BatchNorm of the inputs, then three times LayerNorm, Linear, GELU: [sum n, F] to [sum n, width].
class PartEmbedImpl : public torch::nn::Module {
 public:
  PartEmbedImpl(std::int64_t features, const std::vector<std::int64_t>& widths);
  at::Tensor forward(const at::Tensor& features, const nn::Context& context);
  void cost(std::int64_t n, CostCounter& counter) const;

 private:
  nn::BatchNorm input_bn_{nullptr};
  std::vector<nn::LayerNorm> norms_;
  std::vector<nn::Linear> linears_;
};
TORCH_MODULE(PartEmbed);

/// 4-vectors to the attention bias of every pair and head: a small network on the unordered pairs
/// of a jet, [sum n, 4] to [sum n^2, heads] in the layout of nn::self_attention.
class PartPairEmbedImpl : public torch::nn::Module {
 public:
  PartPairEmbedImpl(const std::vector<std::int64_t>& widths, std::int64_t heads);
  at::Tensor forward(const at::Tensor& vectors, const nn::Ragged& jets, const nn::Context& context);
  /// Folds the BatchNorms into the layers once; parameters do not change afterwards.
  void prepare();
  void cost(std::int64_t n, CostCounter& counter) const;

 private:
  at::Tensor training_network(at::Tensor x, const nn::Context& context);
  /// The layers with their BatchNorms folded in.
  std::vector<nn::LinearWeights> folded() const;

  nn::BatchNorm input_bn_{nullptr};
  std::vector<nn::Linear> linears_;
  std::vector<nn::BatchNorm> norms_;
  std::int64_t heads_;
  std::vector<nn::LinearWeights> prepared_;  ///< empty before prepare()
};
TORCH_MODULE(PartPairEmbed);

struct PartBlockOptions {
  std::int64_t width = 128;
  std::int64_t heads = 8;
  std::int64_t ffn_ratio = 4;
  double dropout = 0.0;
  bool legacy_heads = true;
  std::uint64_t site = 0;  ///< distinct for every block of a network
};

/// One block of ParT, for particles or for the class token.
class PartBlockImpl : public torch::nn::Module {
 public:
  explicit PartBlockImpl(PartBlockOptions options);
  /// x [sum n, C], bias [sum n^2, heads]. Returns [sum n, C].
  at::Tensor forward(const at::Tensor& x, const at::Tensor& bias, const nn::Ragged& jets,
                     const nn::Context& context);
  /// The class token [B, C] looks at itself and the particles x [sum n, C]. Returns [B, C].
  at::Tensor forward_class(const at::Tensor& token, const at::Tensor& x, const nn::Ragged& jets,
                           const nn::Context& context);
  /// Folds the gains of the heads once; parameters do not change afterwards.
  void prepare();
  void cost(std::int64_t queries, std::int64_t keys, CostCounter& counter) const;

 private:
  at::Tensor finish(const at::Tensor& residual, const at::Tensor& attended,
                    const nn::LinearWeights& out, std::span<const std::int64_t> row_offsets,
                    const nn::Context& context);
  /// Weights and biases that are not a layer's own parameters as they are.
  struct Projections {
    nn::LinearWeights query;      ///< the first third of in_proj
    nn::LinearWeights key_value;  ///< and the rest
    nn::LinearWeights out;        ///< with the per-head gain (and its channel layout) folded in
  };
  Projections projections() const;

  PartBlockOptions options_;
  at::Tensor c_attn_;
  at::Tensor w_resid_;
  nn::LayerNorm pre_attn_norm_;
  nn::Linear in_proj_;
  nn::Linear out_proj_;
  nn::LayerNorm post_attn_norm_;
  nn::LayerNorm pre_fc_norm_;
  nn::Linear fc1_;
  nn::LayerNorm post_fc_norm_;
  nn::Linear fc2_;
  std::optional<Projections> prepared_;
};
TORCH_MODULE(PartBlock);

}  // namespace eebench::model
