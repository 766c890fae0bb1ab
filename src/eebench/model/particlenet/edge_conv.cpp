#include "eebench/model/particlenet/edge_conv.hpp"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include "eebench/nn/elementwise.hpp"
#include "eebench/nn/knn.hpp"
#include "eebench/nn/work.hpp"

namespace eebench::model {
namespace {

/// x W^T followed by BatchNorm: folded into one layer in evaluation.
at::Tensor normalised(const at::Tensor& x, const at::Tensor& weight, nn::BatchNorm& norm,
                      const nn::Context& context) {
  if (context.training && norm->is_training()) {
    return norm->forward(nn::linear(x, weight, {}, context), context);
  }
  const nn::BatchNormImpl::Affine affine = norm->folded();
  return nn::linear(x, weight * affine.scale.unsqueeze(1), affine.shift, context);
}

}  // namespace

EdgeConvImpl::EdgeConvImpl(std::int64_t in, const std::vector<std::int64_t>& channels,
                           std::int64_t k)
    : in_(in), channels_(channels), k_(k) {
  const auto convs = register_module("convs", std::make_shared<torch::nn::Module>("convs"));
  const auto bns = register_module("bns", std::make_shared<torch::nn::Module>("bns"));
  std::int64_t width = 2 * in;
  for (std::size_t l = 0; l < channels.size(); ++l) {
    convs_.push_back(convs->register_module(
        fmt::to_string(l), nn::Linear(fmt::format("edge.{}", l), width, channels[l],
                                      nn::LinearOptions{.bias = false, .trailing = 2})));
    bns_.push_back(bns->register_module(fmt::to_string(l), nn::BatchNorm(channels[l])));
    width = channels[l];
  }
  if (in != width) {
    sc_ = register_module(
        "sc", nn::Linear("shortcut", in, width, nn::LinearOptions{.bias = false, .trailing = 1}));
    sc_bn_ = register_module("sc_bn", nn::BatchNorm(width));
  }
}

at::Tensor EdgeConvImpl::forward(const at::Tensor& coordinates, const at::Tensor& f,
                                 const nn::Ragged& jets, const nn::Context& context) {
  const at::Tensor neighbours = nn::nearest_neighbours(coordinates, jets, k_).to(f.device());
  if (context.training && is_training()) {
    return particles_forward(f, neighbours, context);
  }
  // Whole jets whose edges stay in the cache together.
  constexpr std::int64_t edges_of_a_chunk = 1024;
  std::vector<at::Tensor> chunks;
  for (std::int64_t jet = 0; jet < jets.jets();) {
    const std::int64_t first = jets.offsets()[static_cast<std::size_t>(jet)];
    std::int64_t last = first;
    while (jet < jets.jets() && (last - first) * k_ < edges_of_a_chunk) {
      last = jets.offsets()[static_cast<std::size_t>(++jet)];
    }
    const std::int64_t n = last - first;
    // A missing neighbour is one past the last row, of the chunk too.
    const at::Tensor rows = (neighbours.narrow(0, first, n) - first).clamp_max_(n);
    chunks.push_back(particles_forward(f.narrow(0, first, n), rows, context));
  }
  return chunks.size() == 1 ? chunks.front() : at::cat(chunks);
}

at::Tensor EdgeConvImpl::particles_forward(const at::Tensor& f, const at::Tensor& neighbours,
                                           const nn::Context& context) {
  const std::int64_t n = f.size(0);
  const std::int64_t edges = n * k_;
  const bool folded = !(context.training && bns_.front()->is_training());
  at::Tensor to_self = convs_.front()->matrix().narrow(1, 0, in_);
  at::Tensor to_other = convs_.front()->matrix().narrow(1, in_, in_);
  to_self = to_self - to_other;
  at::Tensor shift;
  if (folded) {
    const nn::BatchNormImpl::Affine affine = bns_.front()->folded();
    to_self = to_self * affine.scale.unsqueeze(1);
    to_other = to_other * affine.scale.unsqueeze(1);
    shift = affine.shift;
  }
  const at::Tensor own = nn::linear(f, to_self, shift, context);
  const at::Tensor other = at::constant_pad_nd(nn::linear(f, to_other, {}, context), {0, 0, 0, 1});
  nn::count({.elementwise = edges * channels_.front() * nn::flops_of::add,
             .bytes = 3 * edges * channels_.front() * f.element_size()});
  at::Tensor x = at::index_select(other, 0, neighbours.reshape({-1}));
  x = (x.view({n, k_, channels_.front()}) + own.unsqueeze(1)).view({edges, channels_.front()});
  if (!folded) {
    x = bns_.front()->forward(x, context);
  }
  x = nn::relu(x, context);
  for (std::size_t l = 1; l < convs_.size(); ++l) {
    x = nn::relu(normalised(x, convs_[l]->matrix(), bns_[l], context), context);
  }
  nn::count({.elementwise = edges * out() * nn::flops_of::add,
             .bytes = edges * out() * f.element_size()});
  const at::Tensor aggregate = x.view({n, k_, out()}).mean(1);
  const at::Tensor shortcut = sc_.is_empty() ? f : normalised(f, sc_->matrix(), sc_bn_, context);
  return nn::relu(shortcut + aggregate, context);
}

void EdgeConvImpl::cost(std::int64_t n, std::int64_t coordinates, CostCounter& counter) const {
  const std::int64_t edges = n * k_;
  const std::int64_t width = 4;
  const auto linear = [&](std::int64_t rows, std::int64_t in, std::int64_t out, bool bias) {
    counter.work({.multiply_adds = rows * in * out,
                  .elementwise = bias ? rows * out : 0,
                  .bytes = width * rows * (in + out)});
  };
  const auto relu = [&](std::int64_t elements) {
    counter.elementwise(elements, nn::flops_of::relu);
    counter.weaver(elements);
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
  counter.work(
      {.elementwise = edges * first * nn::flops_of::add, .bytes = 3 * edges * first * width});
  relu(edges * first);
  for (std::size_t l = 1; l < channels_.size(); ++l) {
    linear(edges, channels_[l - 1], channels_[l], true);
    weaver_layer(edges, channels_[l - 1], channels_[l]);
    relu(edges * channels_[l]);
    counter.live(edges * (channels_[l - 1] + channels_[l]));
  }
  counter.work({.elementwise = edges * out() * nn::flops_of::add, .bytes = edges * out() * width});
  if (!sc_.is_empty()) {
    linear(n, in_, out(), true);
    weaver_layer(n, in_, out());
  }
  relu(n * out());
}

}  // namespace eebench::model
