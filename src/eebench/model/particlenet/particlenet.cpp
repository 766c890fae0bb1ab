#include "eebench/model/particlenet/particlenet.hpp"

#include <utility>

#include <ATen/ATen.h>
#include <fmt/format.h>

#include "eebench/core/error.hpp"
#include "eebench/model/cost.hpp"
#include "eebench/model/particlenet/edge_conv.hpp"
#include "eebench/model/placement.hpp"
#include "eebench/model/pooled_head.hpp"
#include "eebench/model/ranges.hpp"
#include "eebench/nn/concat.hpp"
#include "eebench/nn/elementwise.hpp"
#include "eebench/nn/pool.hpp"

namespace eebench::model {
namespace {

class ParticleNet final : public Network {
 public:
  explicit ParticleNet(ParticleNetConfig config)
      : config_(std::move(config)),
        placement_(config_.exits_after, static_cast<std::int64_t>(config_.blocks.size())) {
    check();
    bn_fts_ = register_module("bn_fts", nn::BatchNorm(config_.features));
    const auto convs =
        register_module("edge_convs", std::make_shared<torch::nn::Module>("edge_convs"));
    std::int64_t in = config_.features;
    for (const auto& channels : config_.blocks) {
      blocks_.push_back(convs->register_module(fmt::to_string(blocks_.size()),
                                               EdgeConv(in, channels, config_.k)));
      in = channels.back();
    }
    const auto fc = register_module("fc", std::make_shared<torch::nn::Module>("fc"));
    const auto first = fc->register_module("0", std::make_shared<torch::nn::Module>("0"));
    hidden_ = first->register_module("0", nn::Linear("fc.hidden", in, config_.fc));
    fc_ = fc->register_module("1", nn::Linear("fc", config_.fc, config_.classes));
    if (!config_.exits_after.empty()) {
      const auto heads = register_module("exits", std::make_shared<torch::nn::Module>("exits"));
      for (const std::int64_t after : config_.exits_after) {
        early_.push_back(heads->register_module(
            fmt::to_string(early_.size()),
            PooledHead(PooledHeadOptions{.in = width_after(after),
                                         .particle_widths = config_.exit_particle_widths,
                                         .width = config_.exit_width,
                                         .classes = config_.classes,
                                         .dropout = config_.dropout,
                                         .site = early_.size() + 1})));
      }
    }
  }

  std::int64_t exits() const override { return placement_.exits(); }
  std::int64_t classes() const override { return config_.classes; }

  State stem(const State& batch, nn::Context& context) override {
    State state(batch.jets());
    state.set("points", Axis::particle, batch.get("points"));
    state.set("f", Axis::particle, bn_fts_->forward(batch.get("features"), context));
    return state;
  }

  State segment(std::int64_t k, const State& state, nn::Context& context) override {
    State next = state;
    const auto [first, last] = placement_.blocks_of(k);
    for (std::int64_t b = first; b < last; ++b) {
      const at::Tensor f = next.get("f");
      const at::Tensor coordinates = b == 0 ? next.get("points") : f;
      const at::Tensor out =
          blocks_[static_cast<std::size_t>(b)]->forward(coordinates, f, state.jets(), context);
      next.erase("points");
      next.set("f", Axis::particle, out);
      if (placement_.early(k)) {  // an early head reads it
        next.set("seen", Axis::particle, b == 0 ? out : nn::concat({next.get("seen"), out}));
      } else {
        next.erase("seen");
      }
    }
    return next;
  }

  HeadOutput head(std::int64_t k, const State& state, nn::Context& context) override {
    if (placement_.early(k)) {
      return early_[static_cast<std::size_t>(k)]->forward(state.get("seen"), state.jets(), context);
    }
    const at::Tensor pooled = nn::mean_pool(state.get("f"), state.jets());
    const at::Tensor embedding = nn::relu(hidden_->forward(pooled, context), context);
    return {
        fc_->forward(nn::dropout_jets(embedding, is_training() ? config_.dropout : 0.0, 0, context),
                     context),
        embedding};
  }

  void prepare() override {
    const at::NoGradGuard no_grad;
    nn::prepare_linears(*this);
    for (EdgeConv& block : blocks_) {
      block->prepare();
    }
  }

  Cost stem_cost(std::int64_t n) const override {
    CostCounter counter;
    counter.batch_norm(n, config_.features);
    return counter.cost();
  }

  Cost segment_cost(std::int64_t k, std::int64_t n) const override {
    CostCounter counter;
    const auto [first, last] = placement_.blocks_of(k);
    for (std::int64_t b = first; b < last; ++b) {
      const auto block = static_cast<std::size_t>(b);
      blocks_[block]->cost(n, b == 0 ? 2 : blocks_[block - 1]->out(), counter);
      if (placement_.early(k) && b > 0) {
        counter.concat(n, width_after(b + 1));
      }
    }
    return counter.cost();
  }

  Cost head_cost(std::int64_t k, std::int64_t n) const override {
    CostCounter counter;
    if (placement_.early(k)) {
      early_[static_cast<std::size_t>(k)]->cost(n, counter);
    } else {
      counter.pool(n, hidden_->in());
      counter.linear(1, hidden_->in(), hidden_->out());
      counter.relu(1, hidden_->out());
      counter.linear(1, fc_->in(), fc_->out());
    }
    return counter.cost();
  }

  std::int64_t segment_of(const std::string& name) const override {
    return model::segment_of(name, placement_, {"bn_fts"}, {"edge_convs"});
  }

 private:
  void check() const {
    if (config_.blocks.empty()) {
      throw InputError("model configuration: network.blocks must not be empty");
    }
    constexpr std::int64_t most_neighbours = 127;  // of the constituents that a jet keeps
    require_range<std::int64_t>("network.k", config_.k, 1, most_neighbours);
    require_classes(config_.classes);
    require_width("network.fc", config_.fc);
    require_dropout(config_.dropout);
    require_widths("exits.particle_widths", config_.exit_particle_widths);
    require_width("exits.width", config_.exit_width);
    for (const auto& channels : config_.blocks) {
      if (channels.size() < 2) {
        throw InputError("model configuration: every block needs at least two widths");
      }
      require_widths("network.blocks", channels);
    }
  }

  /// Channels of the outputs of blocks 1 .. `after` together.
  std::int64_t width_after(std::int64_t after) const {
    std::int64_t width = 0;
    for (std::int64_t b = 0; b < after; ++b) {
      width += config_.blocks[static_cast<std::size_t>(b)].back();
    }
    return width;
  }

  ParticleNetConfig config_;
  Placement placement_;
  nn::BatchNorm bn_fts_{nullptr};
  std::vector<EdgeConv> blocks_;
  nn::Linear hidden_{nullptr};
  nn::Linear fc_{nullptr};
  std::vector<PooledHead> early_;
};

}  // namespace

std::unique_ptr<Network> make_particlenet(const ParticleNetConfig& config) {
  return std::make_unique<ParticleNet>(config);
}

}  // namespace eebench::model
