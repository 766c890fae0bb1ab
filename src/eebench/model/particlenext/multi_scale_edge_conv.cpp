#include "eebench/model/particlenext/multi_scale_edge_conv.hpp"

#include <algorithm>

#include <ATen/ATen.h>
#include <fmt/format.h>

#include "eebench/model/named_group.hpp"
#include "eebench/nn/concat.hpp"
#include "eebench/nn/elementwise.hpp"
#include "eebench/nn/gate.hpp"
#include "eebench/nn/pool.hpp"
#include "eebench/nn/softmax_pool.hpp"
#include "eebench/nn/work.hpp"

namespace eebench::model {
namespace {

constexpr std::int64_t reduction = 16;  ///< channels of a squeeze, of those it sees
constexpr double initial_gamma = 1e-5;  ///< LayerScale (Touvron et al., arXiv:2103.17239)

/// Registered under the places `first` and `first` + 2: the reference counts the ReLU between.
NormLayer norm_layer(torch::nn::Module& group, std::int64_t first, const std::string& site,
                     std::int64_t in, std::int64_t out, bool is_cut = false) {
  return {.norm = group.register_module(fmt::to_string(first), nn::BatchNorm(in)),
          .layer = group.register_module(
              fmt::to_string(first + 2),
              nn::Linear(site, in, out,
                         nn::LinearOptions{.bias = false, .trailing = 2, .is_cut = is_cut}))};
}

at::Tensor run(NormLayer& both, const at::Tensor& x, const nn::Context& context) {
  return both.layer->forward(both.norm->forward_relu(x, context), context);
}

nn::BatchNormImpl::Affine columns(const nn::BatchNormImpl::Affine& all, std::int64_t first,
                                  std::int64_t count) {
  return {all.scale.narrow(0, first, count), all.shift.narrow(0, first, count)};
}

}  // namespace

SqueezeImpl::SqueezeImpl(std::int64_t channels) {
  torch::nn::Module& fc = named_group(*this, "fc");
  const std::int64_t narrow = channels / reduction;
  const nn::LinearOptions options{.bias = false};
  down_ = fc.register_module("0", nn::Linear("squeeze.down", channels, narrow, options));
  up_ = fc.register_module("2", nn::Linear("squeeze.up", narrow, channels, options));
}

at::Tensor SqueezeImpl::forward(const at::Tensor& x, const nn::Ragged& rows,
                                const nn::Context& context) {
  return up_->forward(down_->forward(nn::mean_pool(x, rows), context, nn::Activation::relu),
                      context);
}

void SqueezeImpl::cost(std::int64_t rows, bool gain, CostCounter& counter) const {
  const std::int64_t channels = up_->out();
  counter.pool(rows, channels);
  counter.linear(1, channels, down_->out(), false);
  counter.relu(1, down_->out());
  counter.linear(1, up_->in(), channels, false);
  counter.work({.elementwise = channels * (nn::sigmoid_flops + (gain ? 1 : 0)) + rows * channels,
                .bytes = 4 * (2 * rows + 1) * channels});
}

MultiScaleEdgeConvImpl::MultiScaleEdgeConvImpl(const MultiScaleEdgeConvOptions& options)
    : options_(options),
      gamma_(register_parameter("gamma", at::full({options.out, 1, 1}, initial_gamma))) {
  const std::int64_t message = options.message;
  const std::int64_t out = options.out;
  if (encodes()) {
    node_encode_ =
        norm_layer(named_group(*this, "node_encode"), 0, "encode", options.in, message / 2);
  }
  torch::nn::Module& edge_mlp = named_group(*this, "edge_mlp");
  const std::int64_t ends = message / 2 * 2;
  edge_first_ = norm_layer(edge_mlp, 0, "edge.0", ends + options.edge, message, /*is_cut=*/true);
  edge_second_ = norm_layer(edge_mlp, 3, "edge.1", message, message);
  edge_se_ = register_module("edge_se", Squeeze(message));
  torch::nn::Module& sa = named_group(*this, "sa");
  for (std::size_t s = 0; s < options.slices.size(); ++s) {
    sa_.push_back(norm_layer(named_group(sa, fmt::to_string(s)), 0, fmt::format("attention.{}", s),
                             message, options.maps));
  }
  torch::nn::Module& node_mlp = named_group(*this, "node_mlp");
  const auto scales = static_cast<std::int64_t>(options.slices.size());
  node_first_ = norm_layer(node_mlp, 0, "node.0", scales * message, out);
  node_second_ = norm_layer(node_mlp, 3, "node.1", out, out);
  node_se_ = register_module("node_se", Squeeze(out));
  if (options.in != out) {
    shortcut_ =
        named_group(*this, "shortcut")
            .register_module("0", nn::Linear("shortcut", options.in, out,
                                             nn::LinearOptions{.bias = false, .trailing = 2}));
  }
}

MultiScaleEdgeConvImpl::Folded MultiScaleEdgeConvImpl::folded() const {
  const auto plain = [](const NormLayer& both) {
    return FoldedLayer{both.norm->folded(), nn::prepared(both.layer->weights())};
  };
  // The BatchNorm of `next` behind the layer of `both`.
  const auto joined = [](const NormLayer& both, const NormLayer& next) {
    const Affine after = next.norm->folded();
    return nn::prepared({both.layer->matrix() * after.scale.unsqueeze(1),
                         after.shift,
                         {},
                         both.layer->quantizers()});
  };
  const std::int64_t half = options_.message / 2;
  const Affine before = edge_first_.norm->folded();
  const nn::LinearWeights first = joined(edge_first_, edge_second_);
  const auto part = [&](std::int64_t from, std::int64_t count, const at::Tensor& bias) {
    return FoldedLayer{
        columns(before, from, count),
        nn::prepared({first.weight.narrow(1, from, count), bias, {}, first.quantizers})};
  };
  Folded all{.self = part(0, half, first.bias),
             .other = part(half, half, {}),
             .edge = part(2 * half, options_.edge, {}),
             .message = nn::prepared(edge_second_.layer->weights()),
             .node = {node_first_.norm->folded(), joined(node_first_, node_second_)},
             .node_out = nn::prepared(node_second_.layer->weights()),
             .gamma = gamma_.view({options_.out})};
  if (encodes()) {
    all.encode = plain(node_encode_);
  }
  for (const NormLayer& scale : sa_) {
    all.attention.push_back(plain(scale));
  }
  return all;
}

void MultiScaleEdgeConvImpl::prepare() { prepared_ = folded(); }

at::Tensor MultiScaleEdgeConvImpl::forward(const at::Tensor& f, const at::Tensor& x,
                                           const nn::Edges& edges, const nn::Ragged& jets,
                                           const nn::Context& context) {
  if (context.training && is_training()) {
    return forward_training(f, x, edges, jets, context);
  }
  return forward_folded(prepared_ ? *prepared_ : folded(), f, x, edges, jets, context);
}

at::Tensor MultiScaleEdgeConvImpl::forward_folded(const Folded& layers, const at::Tensor& f,
                                                  const at::Tensor& x, const nn::Edges& edges,
                                                  const nn::Ragged& jets,
                                                  const nn::Context& context) {
  const auto run = [&](const FoldedLayer& layer, const at::Tensor& rows) {
    return nn::linear(nn::affine_relu(rows, layer.before), layer.weights, context);
  };
  const at::Tensor encoded = encodes() ? run(layers.encode, f) : f;
  const at::Tensor hidden = nn::edge_sum_relu(run(layers.self, encoded), run(layers.other, encoded),
                                              run(layers.edge, x), edges);
  at::Tensor message = nn::linear(hidden, layers.message, context);
  message =
      nn::gate(message, edge_se_->forward(message, edges.of_jets, context), {}, edges.of_jets);
  std::vector<at::Tensor> scales;
  for (std::size_t s = 0; s < sa_.size(); ++s) {
    const nn::FirstEdges first = nn::first_edges(edges, options_.slices[s]);
    const at::Tensor taken = nn::take(message, first);
    scales.push_back(nn::softmax_pool(taken, run(layers.attention[s], taken), first.of_particles));
  }
  at::Tensor node = nn::linear(nn::affine_relu(nn::concat(scales), layers.node.before),
                               layers.node.weights, context, nn::Activation::relu);
  node = nn::linear(node, layers.node_out, context);
  node = nn::gate(node, node_se_->forward(node, jets, context), layers.gamma, jets);
  return nn::add(node, shortcut_.is_empty() ? f : shortcut_->forward(f, context));
}

at::Tensor MultiScaleEdgeConvImpl::forward_training(const at::Tensor& f, const at::Tensor& x,
                                                    const nn::Edges& edges, const nn::Ragged& jets,
                                                    const nn::Context& context) {
  const at::Tensor encoded = encodes() ? run(node_encode_, f, context) : f;
  at::Tensor message =
      run(edge_second_, run(edge_first_, nn::edge_inputs(encoded, x, edges), context), context);
  message =
      nn::gate(message, edge_se_->forward(message, edges.of_jets, context), {}, edges.of_jets);
  std::vector<at::Tensor> scales;
  for (std::size_t s = 0; s < sa_.size(); ++s) {
    const nn::FirstEdges first = nn::first_edges(edges, options_.slices[s]);
    const at::Tensor taken = nn::take(message, first);
    scales.push_back(nn::softmax_pool(taken, run(sa_[s], taken, context), first.of_particles));
  }
  at::Tensor node = run(node_second_, run(node_first_, nn::concat(scales), context), context);
  node = nn::gate(node, node_se_->forward(node, jets, context), gamma_.view({options_.out}), jets);
  return nn::add(node, shortcut_.is_empty() ? f : shortcut_->forward(f, context));
}

void MultiScaleEdgeConvImpl::cost(std::int64_t n, CostCounter& counter) const {
  const std::int64_t edges = n * std::min(n, options_.slices.back());
  const std::int64_t message = options_.message;
  const std::int64_t half = message / 2;
  constexpr std::int64_t affine_and_relu = nn::flops_of::affine + nn::flops_of::relu;
  // What weaver charges for a BatchNorm and a ReLU, whoever does their arithmetic.
  const auto weaver_norm = [&](std::int64_t rows, std::int64_t channels) {
    counter.batch_norm(rows, channels, /*folded=*/true);
    counter.weaver(rows * channels);
  };
  const auto work_of = [&](std::int64_t rows, std::int64_t in, std::int64_t out) {
    counter.work({.multiply_adds = rows * in * out, .bytes = 4 * rows * (in + out)});
  };
  const auto norm_layer = [&](std::int64_t rows, std::int64_t in, std::int64_t out) {
    weaver_norm(rows, in);
    counter.elementwise(rows * in, affine_and_relu);
    counter.linear(rows, in, out, false);
  };
  // With the BatchNorm of the next one folded in.
  const auto bias_and_relu = [&](std::int64_t rows, std::int64_t channels) {
    counter.work({.elementwise = rows * channels});
    counter.elementwise(rows * channels, nn::flops_of::relu);
  };
  counter.parameters(options_.out);
  if (encodes()) {
    norm_layer(n, options_.in, half);
  }
  const std::int64_t inputs = 2 * half + options_.edge;
  weaver_norm(edges, inputs);
  counter.weaver(edges * inputs * message);
  counter.parameters(inputs * message);
  counter.elementwise(2 * n * half + edges * options_.edge, affine_and_relu);
  work_of(n, half, message);
  counter.work({.elementwise = n * message});
  work_of(n, half, message);
  work_of(edges, options_.edge, message);
  counter.work({.elementwise = edges * message * (2 * nn::flops_of::add + nn::flops_of::relu),
                .bytes = 4 * (2 * edges + 2 * n) * message});
  weaver_norm(edges, message);
  counter.linear(edges, message, message, false);
  edge_se_->cost(edges, false, counter);
  for (const std::int64_t neighbours : options_.slices) {
    const std::int64_t rows = n * std::min(n, neighbours);
    norm_layer(rows, message, options_.maps);
    counter.work({.multiply_adds = rows * message,
                  .elementwise = rows * options_.maps * nn::flops_of::softmax,
                  .bytes = 4 * (rows * (message + options_.maps) + n * message)});
  }
  const std::int64_t scales = message * static_cast<std::int64_t>(options_.slices.size());
  counter.concat(n, scales);
  norm_layer(n, scales, options_.out);
  bias_and_relu(n, options_.out);
  weaver_norm(n, options_.out);
  counter.linear(n, options_.out, options_.out, false);
  node_se_->cost(n, true, counter);
  if (!shortcut_.is_empty()) {
    counter.linear(n, options_.in, options_.out, false);
  }
  counter.add(n, options_.out);
}

}  // namespace eebench::model
