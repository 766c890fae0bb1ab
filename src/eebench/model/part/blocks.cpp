#include "eebench/model/part/blocks.hpp"

#include <cmath>
#include <numeric>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/GradMode.h>
#include <fmt/format.h>

#include "eebench/model/named_group.hpp"
#include "eebench/nn/attention.hpp"
#include "eebench/nn/concat.hpp"
#include "eebench/nn/elementwise.hpp"
#include "eebench/nn/pair_features.hpp"

namespace eebench::model {

PartEmbedImpl::PartEmbedImpl(std::int64_t features, const std::vector<std::int64_t>& widths)
    : input_bn_(register_module("input_bn", nn::BatchNorm(features))) {
  torch::nn::Module& group = named_group(*this, "embed");
  std::int64_t in = features;
  for (std::size_t layer = 0; layer < widths.size(); ++layer) {
    norms_.push_back(group.register_module(fmt::to_string(3 * layer), nn::LayerNorm(in)));
    linears_.push_back(
        group.register_module(fmt::to_string(3 * layer + 1),
                              nn::Linear(fmt::format("embed.{}", layer), in, widths[layer])));
    in = widths[layer];
  }
}

at::Tensor PartEmbedImpl::forward(const at::Tensor& features, const nn::Context& context) {
  at::Tensor x = input_bn_->forward(features, context);
  for (std::size_t layer = 0; layer < linears_.size(); ++layer) {
    x = linears_[layer]->forward(norms_[layer]->forward(x, context), context, nn::Activation::gelu);
  }
  return x;
}

void PartEmbedImpl::cost(std::int64_t n, CostCounter& counter) const {
  counter.batch_norm(n, linears_.front()->in());
  for (const nn::Linear& linear : linears_) {
    counter.layer_norm(n, linear->in());
    counter.linear(n, linear->in(), linear->out());
    counter.gelu(n, linear->out());
  }
}

PartPairEmbedImpl::PartPairEmbedImpl(const std::vector<std::int64_t>& widths, std::int64_t heads)
    : heads_(heads) {
  torch::nn::Module& group = named_group(*this, "embed");
  input_bn_ = group.register_module("0", nn::BatchNorm(nn::pair_feature_count));
  std::vector<std::int64_t> all = widths;
  all.push_back(heads);
  std::int64_t in = nn::pair_feature_count;
  for (std::size_t layer = 0; layer < all.size(); ++layer) {
    linears_.push_back(group.register_module(
        fmt::to_string(3 * layer + 1), nn::Linear(fmt::format("pair.{}", layer), in, all[layer],
                                                  nn::LinearOptions{.trailing = 1})));
    norms_.push_back(
        group.register_module(fmt::to_string(3 * layer + 2), nn::BatchNorm(all[layer])));
    in = all[layer];
  }
}

std::vector<nn::LinearWeights> PartPairEmbedImpl::folded() const {
  nn::BatchNormImpl::Affine before = input_bn_->folded();
  std::vector<nn::LinearWeights> layers;
  for (std::size_t l = 0; l < linears_.size(); ++l) {
    nn::LinearWeights weights = linears_[l]->weights();
    if (l == 0) {
      weights.bias = weights.bias + at::mv(weights.weight, before.shift);
      weights.weight = weights.weight * before.scale;
    }
    layers.push_back(nn::folded(std::move(weights), norms_[l]));
  }
  return layers;
}

void PartPairEmbedImpl::prepare() { prepared_ = folded(); }

at::Tensor PartPairEmbedImpl::training_network(at::Tensor x, const nn::Context& context) {
  x = input_bn_->forward(x, context);
  for (std::size_t l = 0; l < linears_.size(); ++l) {
    x = nn::gelu(norms_[l]->forward(linears_[l]->forward(x, context), context), context);
  }
  return x;
}

at::Tensor PartPairEmbedImpl::forward(const at::Tensor& vectors, const nn::Ragged& jets,
                                      const nn::Context& context) {
  if (context.training && is_training()) {
    const at::Tensor features = nn::pair_features(vectors, jets, 0, jets.jets());
    return nn::mirror_pairs(training_network(features, context), jets, 0, jets.jets());
  }
  // Chunks of jets whose pairs stay in the cache of a CPU.
  const std::vector<std::int64_t> cuts =
      nn::cuts(jets.pair_offsets(),
               vectors.device().is_cpu() ? 2048 * at::get_num_threads() : std::int64_t{1} << 19);
  const std::vector<nn::LinearWeights> layers = prepared_.empty() ? folded() : prepared_;
  std::vector<at::Tensor> chunks;
  for (std::size_t c = 0; c + 1 < cuts.size(); ++c) {
    at::Tensor x = nn::pair_features(vectors, jets, cuts[c], cuts[c + 1]);
    for (const nn::LinearWeights& layer : layers) {
      x = nn::linear(x, layer, context, nn::Activation::gelu);
    }
    chunks.push_back(nn::mirror_pairs(x, jets, cuts[c], cuts[c + 1]));
  }
  return nn::join(chunks);
}

void PartPairEmbedImpl::cost(std::int64_t n, CostCounter& counter) const {
  const std::int64_t pairs = nn::unordered_pairs(n);
  counter.work({.elementwise = pairs * nn::flops_of::pair_features,
                .bytes = 4 * pairs * (8 + nn::pair_feature_count)});
  counter.batch_norm(pairs, nn::pair_feature_count, /*folded=*/true);
  for (const nn::Linear& linear : linears_) {
    counter.convolution(pairs, linear->in(), linear->out(), true);
    counter.batch_norm(pairs, linear->out(), /*folded=*/true);
    counter.gelu(pairs, linear->out());
  }
  counter.work({.bytes = 2 * 4 * n * n * heads_});
}

PartBlockImpl::PartBlockImpl(PartBlockOptions options)
    : options_(options),
      c_attn_(register_parameter("c_attn", at::ones({options.heads}))),
      w_resid_(register_parameter("w_resid", at::ones({options.width}))),
      pre_attn_norm_(register_module("pre_attn_norm", nn::LayerNorm(options.width))),
      in_proj_(nullptr),
      out_proj_(nullptr),
      post_attn_norm_(nullptr),
      pre_fc_norm_(nullptr),
      fc1_(nullptr),
      post_fc_norm_(nullptr),
      fc2_(nullptr) {
  const std::int64_t width = options.width;
  const std::int64_t hidden = options.ffn_ratio * width;
  const std::string site = fmt::format("block.{}.", options.site);
  // Xavier over the whole (3 C, C) matrix and zero biases, as PyTorch's attention module does.
  in_proj_ = register_module(
      "attn", nn::Linear(site + "qkv", width, 3 * width,
                         nn::LinearOptions{.prefix = "in_proj_",
                                           .bound = std::sqrt(6.0 / static_cast<double>(4 * width)),
                                           .is_cut = true}));
  out_proj_ = in_proj_->register_module("out_proj", nn::Linear(site + "out", width, width));
  {
    const at::NoGradGuard no_grad;
    out_proj_->bias.zero_();
  }
  post_attn_norm_ = register_module("post_attn_norm", nn::LayerNorm(width));
  pre_fc_norm_ = register_module("pre_fc_norm", nn::LayerNorm(width));
  fc1_ = register_module("fc1", nn::Linear(site + "fc1", width, hidden));
  post_fc_norm_ = register_module("post_fc_norm", nn::LayerNorm(hidden));
  fc2_ = register_module("fc2", nn::Linear(site + "fc2", hidden, width));
}

PartBlockImpl::Projections PartBlockImpl::projections() const {
  const std::int64_t heads = options_.heads;
  const std::int64_t dim = options_.width / heads;
  at::Tensor weight =
      out_proj_->weight.view({heads, dim, options_.width}) * c_attn_.view({heads, 1, 1});
  at::Tensor bias = out_proj_->bias.view({heads, dim}) * c_attn_.view({heads, 1});
  if (options_.legacy_heads) {
    weight = weight.transpose(0, 1);
    bias = bias.transpose(0, 1);
  }
  const std::int64_t width = options_.width;
  const auto in_weight = in_proj_->weight.split({width, 2 * width});
  const auto in_bias = in_proj_->bias.split({width, 2 * width});
  const auto part = [](const at::Tensor& w, const at::Tensor& b, const nn::Linear& layer) {
    return nn::LinearWeights{.weight = w, .bias = b, .quantizers = layer->quantizers()};
  };
  return {.query = part(in_weight[0], in_bias[0], in_proj_),
          .key_value = part(in_weight[1], in_bias[1], in_proj_),
          .out = part(weight.reshape({width, width}), bias.reshape({width}), out_proj_)};
}

void PartBlockImpl::prepare() {
  Projections all = projections();
  for (nn::LinearWeights* weights : {&all.query, &all.key_value, &all.out}) {
    *weights = nn::prepared(*weights);
  }
  prepared_ = std::move(all);
}

at::Tensor PartBlockImpl::forward(const at::Tensor& x, const at::Tensor& bias,
                                  const nn::Ragged& jets, const nn::Context& context) {
  const at::Tensor u = pre_attn_norm_->forward(x, context);
  const Projections layers = prepared_ ? *prepared_ : projections();
  const auto qkv = in_proj_->forward(u, context).chunk(3, 1);
  const at::Tensor attended = nn::self_attention(
      qkv[0], qkv[1], qkv[2], bias, jets, options_.heads,
      {.p = is_training() ? options_.dropout : 0.0, .site = 4 * options_.site}, context);
  return finish(x, attended, layers.out, jets.offsets(), context);
}

at::Tensor PartBlockImpl::forward_class(const at::Tensor& token, const at::Tensor& x,
                                        const nn::Ragged& jets, const nn::Context& context) {
  const auto [both, keys] = nn::prepend(token, x, jets);
  const at::Tensor u = pre_attn_norm_->forward(both, context);
  const Projections layers = prepared_ ? *prepared_ : projections();
  const at::Tensor q = nn::linear(token, layers.query, context);
  const auto kv = nn::linear(u, layers.key_value, context).chunk(2, 1);
  const at::Tensor attended = nn::class_attention(q, kv[0], kv[1], keys, options_.heads, context);
  std::vector<std::int64_t> one_each(static_cast<std::size_t>(jets.jets()) + 1);
  std::iota(one_each.begin(), one_each.end(), 0);
  return finish(token, attended, layers.out, one_each, context);
}

at::Tensor PartBlockImpl::finish(const at::Tensor& residual, const at::Tensor& attended,
                                 const nn::LinearWeights& out,
                                 std::span<const std::int64_t> row_offsets,
                                 const nn::Context& context) {
  const auto drop = [&](const at::Tensor& x, std::uint64_t place) {
    return nn::dropout(x, is_training() ? options_.dropout : 0.0, 4 * options_.site + place,
                       row_offsets, context.jet_index, context);
  };
  const at::Tensor o = nn::linear(attended, out, context);
  const at::Tensor x = nn::add(drop(post_attn_norm_->forward(o, context), 1), residual);
  at::Tensor h = fc1_->forward(pre_fc_norm_->forward(x, context), context, nn::Activation::gelu);
  h = post_fc_norm_->forward(drop(h, 2), context);
  h = drop(fc2_->forward(h, context), 3);
  return nn::add_scaled(h, x, w_resid_);
}

void PartBlockImpl::cost(std::int64_t queries, std::int64_t keys, CostCounter& counter) const {
  const std::int64_t width = options_.width;
  const std::int64_t hidden = fc1_->out();
  const bool self = queries == keys;
  counter.parameters(options_.heads + width);
  if (!self) {
    counter.concat(keys, width);
  }
  counter.layer_norm(keys, width);
  if (self) {
    counter.linear(keys, width, 3 * width);
  } else {
    counter.linear(queries, width, width);
    counter.linear(keys, width, 2 * width);
  }
  counter.attention(queries, keys, width, options_.heads, self);
  counter.linear(queries, width, width);
  counter.layer_norm(queries, width);
  counter.add(queries, width);
  counter.layer_norm(queries, width);
  counter.linear(queries, width, hidden);
  counter.gelu(queries, hidden);
  counter.layer_norm(queries, hidden);
  counter.linear(queries, hidden, width);
  counter.add_scaled(queries, width);
}

}  // namespace eebench::model
