#include "eebench/model/pooled_head.hpp"

#include <utility>

#include <ATen/ATen.h>
#include <fmt/format.h>

#include "eebench/nn/concat.hpp"
#include "eebench/nn/elementwise.hpp"
#include "eebench/nn/pool.hpp"

namespace eebench::model {

PooledHeadImpl::PooledHeadImpl(const PooledHeadOptions& options)
    : dropout_(options.dropout), site_(options.site) {
  std::int64_t in = options.in;
  norm_ = register_module("norm", nn::BatchNorm(in));
  const auto layers = register_module("particle", std::make_shared<torch::nn::Module>("particle"));
  for (const std::int64_t width : options.particle_widths) {
    particle_.push_back(layers->register_module(
        fmt::to_string(particle_.size()),
        nn::Linear(fmt::format("exit.particle.{}", particle_.size()), in, width)));
    in = width;
  }
  hidden_ = register_module("hidden", nn::Linear("exit.hidden", 2 * in, options.width));
  fc_ = register_module("fc", nn::Linear("exit.fc", options.width, options.classes));
}

HeadOutput PooledHeadImpl::forward(at::Tensor x, const nn::Ragged& jets,
                                   const nn::Context& context) {
  x = norm_->forward(x, context);
  for (nn::Linear& layer : particle_) {
    x = nn::relu(layer->forward(x, context), context);
  }
  const at::Tensor pooled = nn::concat({nn::mean_pool(x, jets), nn::max_pool(x, jets)});
  const at::Tensor embedding = nn::relu(hidden_->forward(pooled, context), context);
  return {fc_->forward(nn::dropout_jets(embedding, is_training() ? dropout_ : 0.0, site_, context),
                       context),
          embedding};
}

void PooledHeadImpl::cost(std::int64_t n, CostCounter& counter) const {
  counter.batch_norm(n, norm_->weight.size(0));
  for (const nn::Linear& layer : particle_) {
    counter.linear(n, layer->in(), layer->out());
    counter.relu(n, layer->out());
  }
  counter.pool(n, hidden_->in() / 2);
  counter.pool(n, hidden_->in() / 2);
  counter.concat(1, hidden_->in());
  counter.linear(1, hidden_->in(), hidden_->out());
  counter.relu(1, hidden_->out());
  counter.linear(1, fc_->in(), fc_->out());
}

}  // namespace eebench::model
