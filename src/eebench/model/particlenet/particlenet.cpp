#include "eebench/model/particlenet/particlenet.hpp"

#include <numeric>
#include <utility>

#include <ATen/ATen.h>
#include <fmt/format.h>

#include "eebench/core/error.hpp"
#include "eebench/model/cost.hpp"
#include "eebench/model/particlenet/edge_conv.hpp"
#include "eebench/model/ranges.hpp"
#include "eebench/nn/elementwise.hpp"
#include "eebench/nn/pool.hpp"

namespace eebench::model {
namespace {

/// Dropout on one row a jet.
at::Tensor drop_rows(const at::Tensor& x, double p, std::uint64_t site,
                     const nn::Context& context) {
  std::vector<std::int64_t> one_each(static_cast<std::size_t>(x.size(0)) + 1);
  std::iota(one_each.begin(), one_each.end(), 0);
  return nn::dropout(x, p, site, one_each, context.jet_index, context);
}

class ParticleNetExitImpl : public torch::nn::Module {
 public:
  ParticleNetExitImpl(std::int64_t in, const ParticleNetConfig& config, std::uint64_t site)
      : dropout_(config.dropout), site_(site) {
    norm_ = register_module("norm", nn::BatchNorm(in));
    const auto layers =
        register_module("particle", std::make_shared<torch::nn::Module>("particle"));
    for (const std::int64_t width : config.exit_particle_widths) {
      particle_.push_back(layers->register_module(
          fmt::to_string(particle_.size()),
          nn::Linear(fmt::format("exit.particle.{}", particle_.size()), in, width)));
      in = width;
    }
    hidden_ = register_module("hidden", nn::Linear("exit.hidden", 2 * in, config.exit_width));
    fc_ = register_module("fc", nn::Linear("exit.fc", config.exit_width, config.classes));
  }

  HeadOutput forward(at::Tensor x, const nn::Ragged& jets, const nn::Context& context) {
    x = norm_->forward(x, context);
    for (nn::Linear& layer : particle_) {
      x = nn::relu(layer->forward(x, context), context);
    }
    const at::Tensor pooled = at::cat({nn::mean_pool(x, jets), nn::max_pool(x, jets)}, 1);
    const at::Tensor embedding = nn::relu(hidden_->forward(pooled, context), context);
    return {fc_->forward(drop_rows(embedding, dropout_, site_, context), context), embedding};
  }

  void cost(std::int64_t n, CostCounter& counter) const {
    counter.batch_norm(n, norm_->weight.size(0));
    for (const nn::Linear& layer : particle_) {
      counter.linear(n, layer->in(), layer->out());
      counter.relu(n, layer->out());
    }
    counter.pool(n, hidden_->in() / 2);
    counter.pool(n, hidden_->in() / 2);
    counter.linear(1, hidden_->in(), hidden_->out());
    counter.relu(1, hidden_->out());
    counter.linear(1, fc_->in(), fc_->out());
  }

 private:
  double dropout_;
  std::uint64_t site_;
  nn::BatchNorm norm_{nullptr};
  std::vector<nn::Linear> particle_;
  nn::Linear hidden_{nullptr};
  nn::Linear fc_{nullptr};
};
TORCH_MODULE(ParticleNetExit);

class ParticleNet final : public Network {
 public:
  explicit ParticleNet(ParticleNetConfig config) : config_(std::move(config)) {
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
            ParticleNetExit(width_after(after), config_, early_.size() + 1)));
      }
    }
  }

  std::int64_t exits() const override { return static_cast<std::int64_t>(early_.size()) + 1; }
  std::int64_t classes() const override { return config_.classes; }

  State stem(const State& batch, nn::Context& context) override {
    State state(batch.jets());
    state.set("points", Axis::particle, batch.get("points"));
    state.set("f", Axis::particle, bn_fts_->forward(batch.get("features"), context));
    return state;
  }

  State segment(std::int64_t k, const State& state, nn::Context& context) override {
    State next = state;
    const auto [first, last] = blocks_of(k);
    for (std::int64_t b = first; b < last; ++b) {
      const at::Tensor f = next.get("f");
      const at::Tensor coordinates = b == 0 ? next.get("points") : f;
      const at::Tensor out =
          blocks_[static_cast<std::size_t>(b)]->forward(coordinates, f, state.jets(), context);
      next.erase("points");
      next.set("f", Axis::particle, out);
      if (k + 1 < exits()) {  // an early head reads it
        next.set("seen", Axis::particle, b == 0 ? out : at::cat({next.get("seen"), out}, 1));
      } else {
        next.erase("seen");
      }
    }
    return next;
  }

  HeadOutput head(std::int64_t k, const State& state, nn::Context& context) override {
    if (k + 1 < exits()) {
      return early_[static_cast<std::size_t>(k)]->forward(state.get("seen"), state.jets(), context);
    }
    const at::Tensor pooled = nn::mean_pool(state.get("f"), state.jets());
    const at::Tensor embedding = nn::relu(hidden_->forward(pooled, context), context);
    return {fc_->forward(drop_rows(embedding, config_.dropout, 0, context), context), embedding};
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
    const auto [first, last] = blocks_of(k);
    for (std::int64_t b = first; b < last; ++b) {
      const auto block = static_cast<std::size_t>(b);
      blocks_[block]->cost(n, b == 0 ? 2 : blocks_[block - 1]->out(), counter);
    }
    return counter.cost();
  }

  Cost head_cost(std::int64_t k, std::int64_t n) const override {
    CostCounter counter;
    if (k + 1 < exits()) {
      early_[static_cast<std::size_t>(k)]->cost(n, counter);
    } else {
      counter.pool(n, hidden_->in());
      counter.linear(1, hidden_->in(), hidden_->out());
      counter.relu(1, hidden_->out());
      counter.linear(1, fc_->in(), fc_->out());
    }
    return counter.cost();
  }

 private:
  void check() const {
    const auto blocks = static_cast<std::int64_t>(config_.blocks.size());
    std::int64_t previous = 0;
    for (const std::int64_t after : config_.exits_after) {
      if (after <= previous || after >= blocks) {
        throw InputError(
            fmt::format("model configuration: exits.after must rise and lie between 1 and blocks - "
                        "1 = {}; found {}",
                        blocks - 1, after));
      }
      previous = after;
    }
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

  /// Blocks [first, last) of segment k.
  std::pair<std::int64_t, std::int64_t> blocks_of(std::int64_t k) const {
    const auto& after = config_.exits_after;
    const auto segment = static_cast<std::size_t>(k);
    return {segment == 0 ? 0 : after[segment - 1],
            segment < after.size() ? after[segment] : static_cast<std::int64_t>(blocks_.size())};
  }

  ParticleNetConfig config_;
  nn::BatchNorm bn_fts_{nullptr};
  std::vector<EdgeConv> blocks_;
  nn::Linear hidden_{nullptr};
  nn::Linear fc_{nullptr};
  std::vector<ParticleNetExit> early_;
};

}  // namespace

std::unique_ptr<Network> make_particlenet(const ParticleNetConfig& config) {
  return std::make_unique<ParticleNet>(config);
}

}  // namespace eebench::model
