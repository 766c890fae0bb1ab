#include "eebench/model/particlenet/edge_conv.hpp"

#include <algorithm>

#include <ATen/ATen.h>
#include <fmt/format.h>

#include "eebench/nn/concat.hpp"
#include "eebench/nn/edge_aggregation.hpp"
#include "eebench/nn/elementwise.hpp"
#include "eebench/nn/knn.hpp"
#include "eebench/nn/work.hpp"

namespace eebench::model {
namespace {

/// Edges that are in memory together: on a CPU so many that they stay in the cache.
constexpr std::int64_t edges_of_a_tile = 512;
constexpr std::int64_t edges_of_a_device_tile = 1 << 18;

}  // namespace

EdgeConvImpl::EdgeConvImpl(std::int64_t in, const std::vector<std::int64_t>& channels,
                           std::int64_t k)
    : in_(in), channels_(channels), k_(k) {
  const auto convs = register_module("convs", std::make_shared<torch::nn::Module>("convs"));
  const auto bns = register_module("bns", std::make_shared<torch::nn::Module>("bns"));
  std::int64_t width = 2 * in;
  for (std::size_t l = 0; l < channels.size(); ++l) {
    convs_.push_back(convs->register_module(
        fmt::to_string(l),
        nn::Linear(fmt::format("edge.{}", l), width, channels[l],
                   nn::LinearOptions{.bias = false, .trailing = 2, .is_cut = l == 0})));
    bns_.push_back(bns->register_module(fmt::to_string(l), nn::BatchNorm(channels[l])));
    width = channels[l];
  }
  if (in != width) {
    sc_ = register_module(
        "sc", nn::Linear("shortcut", in, width, nn::LinearOptions{.bias = false, .trailing = 1}));
    sc_bn_ = register_module("sc_bn", nn::BatchNorm(width));
  }
}

EdgeConvImpl::Folded EdgeConvImpl::folded() const {
  const auto [to_self, to_other] = first_layer();
  const nn::BatchNormImpl::Affine affine = bns_.front()->folded();
  const at::Tensor scale = affine.scale.unsqueeze(1);
  const nn::Quantizers& first = convs_.front()->quantizers();
  Folded all{
      .self = nn::prepared({.weight = to_self * scale, .bias = affine.shift, .quantizers = first}),
      .other = nn::prepared({.weight = to_other * scale, .bias = {}, .quantizers = first})};
  for (std::size_t l = 1; l < convs_.size(); ++l) {
    all.edges.push_back(nn::folded(convs_[l]->weights(), bns_[l]));
  }
  if (!sc_.is_empty()) {
    all.shortcut = nn::folded(sc_->weights(), sc_bn_);
  }
  return all;
}

void EdgeConvImpl::prepare() { prepared_ = folded(); }

std::pair<at::Tensor, at::Tensor> EdgeConvImpl::first_layer() const {
  const at::Tensor weight = convs_.front()->matrix();
  const at::Tensor to_other = weight.narrow(1, in_, in_);
  return {weight.narrow(1, 0, in_) - to_other, to_other};
}

at::Tensor EdgeConvImpl::forward(const at::Tensor& coordinates, const at::Tensor& f,
                                 const nn::Ragged& jets, const nn::Context& context) {
  const at::Tensor neighbours = nn::nearest_neighbours(coordinates, jets, k_, context);
  if (context.training && is_training()) {
    return forward_training(f, neighbours, context);
  }
  return forward_folded(prepared_ ? *prepared_ : folded(), f, neighbours, context);
}

at::Tensor EdgeConvImpl::forward_folded(const Folded& layers, const at::Tensor& f,
                                        const at::Tensor& neighbours,
                                        const nn::Context& context) const {
  const std::int64_t n = f.size(0);
  const at::Tensor own = nn::linear(f, layers.self, context);
  const at::Tensor other = nn::linear(f, layers.other, context);
  const std::int64_t edges = f.device().is_cpu() ? edges_of_a_tile : edges_of_a_device_tile;
  const std::int64_t tile = std::max<std::int64_t>(1, edges / k_);
  std::vector<at::Tensor> means;
  for (std::int64_t first = 0; first < n; first += tile) {
    const std::int64_t rows = std::min(tile, n - first);
    at::Tensor x =
        nn::gather_add_relu(own.narrow(0, first, rows), other, neighbours.narrow(0, first, rows));
    for (std::size_t l = 0; l + 1 < layers.edges.size(); ++l) {
      x = nn::linear(x, layers.edges[l], context, nn::Activation::relu);
    }
    nn::LinearWeights last = layers.edges.back();
    const at::Tensor bias = std::exchange(last.bias, {});
    means.push_back(nn::bias_relu_mean(nn::linear(x, last, context), bias, k_));
  }
  const at::Tensor aggregate = nn::join(means);
  const at::Tensor shortcut = sc_.is_empty() ? f : nn::linear(f, layers.shortcut, context);
  return nn::relu(nn::add(aggregate, shortcut), context);
}

at::Tensor EdgeConvImpl::forward_training(const at::Tensor& f, const at::Tensor& neighbours,
                                          const nn::Context& context) {
  const auto [to_self, to_other] = first_layer();
  at::Tensor x = nn::gather_add(nn::linear(f, {to_self, {}}, context),
                                nn::linear(f, {to_other, {}}, context), neighbours);
  x = bns_.front()->forward_relu(x, context);
  for (std::size_t l = 1; l < convs_.size(); ++l) {
    x = bns_[l]->forward_relu(convs_[l]->forward(x, context), context);
  }
  const at::Tensor aggregate = nn::edge_mean(x, k_);
  const at::Tensor shortcut =
      sc_.is_empty() ? f : sc_bn_->forward(sc_->forward(f, context), context);
  return nn::relu(nn::add(aggregate, shortcut), context);
}

void EdgeConvImpl::cost(std::int64_t n, std::int64_t coordinates, CostCounter& counter) const {
  const std::int64_t edges = n * k_;
  const std::int64_t width = 4;
  const auto linear = [&](std::int64_t rows, std::int64_t in, std::int64_t out, bool bias) {
    counter.work({.multiply_adds = rows * in * out,
                  .elementwise = bias ? rows * out : 0,
                  .bytes = width * rows * (in + out)});
  };
  const auto weaver_layer = [&](std::int64_t rows, std::int64_t in, std::int64_t out) {
    counter.weaver(rows * in * out + 2 * rows * out);
    counter.parameters(in * out + 2 * out);
  };
  counter.work({.multiply_adds = n * n * coordinates,
                .elementwise = n * n * nn::selection_flops,
                .bytes = width * (n * coordinates + n * n)});
  const std::int64_t first = channels_.front();
  linear(n, in_, first, true);
  linear(n, in_, first, false);
  weaver_layer(edges, 2 * in_, first);
  constexpr std::int64_t add_and_relu = nn::flops_of::add + nn::flops_of::relu;
  counter.work(
      {.elementwise = edges * first * add_and_relu, .bytes = width * (n + 2 * edges) * first});
  counter.weaver(edges * first);
  for (std::size_t l = 1; l < channels_.size(); ++l) {
    const std::int64_t channels = channels_[l];
    linear(edges, channels_[l - 1], channels, false);
    weaver_layer(edges, channels_[l - 1], channels);
    counter.weaver(edges * channels);
    counter.live(edges * (channels_[l - 1] + channels));
    if (l + 1 < channels_.size()) {
      counter.work(
          {.elementwise = edges * channels * add_and_relu, .bytes = width * 2 * edges * channels});
    } else {
      counter.work({.elementwise = edges * channels * (add_and_relu + nn::flops_of::add),
                    .bytes = width * (edges + n) * channels});
    }
  }
  if (!sc_.is_empty()) {
    linear(n, in_, out(), true);
    weaver_layer(n, in_, out());
  }
  counter.add(n, out());
  counter.relu(n, out());
}

}  // namespace eebench::model
