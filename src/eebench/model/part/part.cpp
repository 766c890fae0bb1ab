#include "eebench/model/part/part.hpp"

#include <cmath>

#include <ATen/ATen.h>
#include <fmt/format.h>

#include "eebench/core/error.hpp"
#include "eebench/model/chunks.hpp"
#include "eebench/model/part/blocks.hpp"
#include "eebench/model/placement.hpp"
#include "eebench/model/ranges.hpp"
#include "eebench/nn/concat.hpp"
#include "eebench/nn/pool.hpp"

namespace eebench::model {
namespace {

/// Early head: LayerNorm, mean and maximum over particles, MLP; or a class-attention block.
class PartExitImpl : public torch::nn::Module {
 public:
  PartExitImpl(const PartConfig& config, std::uint64_t site)
      : width_(config.embed.back()), attention_(config.exit_head == "class_attention") {
    norm_ = register_module("norm", nn::LayerNorm(width_));
    if (attention_) {
      token_ = register_parameter("cls_token", at::randn({1, width_}) * 0.02);
      block_ =
          register_module("block", PartBlock(PartBlockOptions{.width = width_,
                                                              .heads = config.heads,
                                                              .ffn_ratio = config.ffn_ratio,
                                                              .legacy_heads = config.legacy_heads,
                                                              .site = site}));
    } else {
      hidden_ = register_module("hidden", nn::Linear("exit.hidden", 2 * width_, config.exit_width));
    }
    fc_ = register_module(
        "fc", nn::Linear("exit.fc", attention_ ? width_ : config.exit_width, config.classes));
  }

  HeadOutput forward(const at::Tensor& x, const nn::Ragged& jets, const nn::Context& context) {
    at::Tensor embedding;
    if (attention_) {
      const at::Tensor token = token_.expand({jets.jets(), width_});
      embedding = norm_->forward(block_->forward_class(token, x, jets, context), context);
    } else {
      const at::Tensor u = norm_->forward(x, context);
      const at::Tensor pooled = nn::concat({nn::mean_pool(u, jets), nn::max_pool(u, jets)});
      embedding = hidden_->forward(pooled, context, nn::Activation::gelu);
    }
    return {fc_->forward(embedding, context), embedding};
  }

  void prepare() {
    if (attention_) {
      block_->prepare();
    }
  }

  void cost(std::int64_t n, CostCounter& counter) const {
    if (attention_) {
      counter.parameters(width_);
      block_->cost(1, n + 1, counter);
      counter.layer_norm(1, width_);
    } else {
      counter.layer_norm(n, width_);
      counter.pool(n, width_);
      counter.pool(n, width_);
      counter.concat(1, 2 * width_);
      counter.linear(1, 2 * width_, hidden_->out());
      counter.gelu(1, hidden_->out());
    }
    counter.linear(1, fc_->in(), fc_->out());
  }

 private:
  std::int64_t width_;
  bool attention_;
  nn::LayerNorm norm_{nullptr};
  at::Tensor token_;
  PartBlock block_{nullptr};
  nn::Linear hidden_{nullptr};
  nn::Linear fc_{nullptr};
};
TORCH_MODULE(PartExit);

void check(const PartConfig& config) {
  const auto require = [](bool good, const std::string& what) {
    if (!good) {
      throw InputError("model configuration: " + what);
    }
  };
  require_classes(config.classes);
  require_widths("network.embed", config.embed);
  require_widths("network.pair_embed", config.pair_embed);
  const auto require_count = [](std::string_view key, std::int64_t count) {
    require_range<std::int64_t>(key, count, 1, 64);
  };
  require_count("network.heads", config.heads);
  require_count("network.layers", config.layers);
  require_count("network.class_layers", config.class_layers);
  require_count("network.ffn_ratio", config.ffn_ratio);
  require_dropout(config.dropout);
  require_width("exits.width", config.exit_width);
  require(config.embed.back() % config.heads == 0,
          fmt::format("the last of `embed` must be a multiple of heads = {}", config.heads));
  require(
      config.exit_head == "pooled" || config.exit_head == "class_attention",
      fmt::format("exits.head = '{}' is neither 'pooled' nor 'class_attention'", config.exit_head));
}

constexpr std::int64_t particles_of_a_chunk = 256;

class Part final : public Network {
 public:
  explicit Part(PartConfig config)
      : config_((check(config), std::move(config))),
        placement_(config_.exits_after, config_.layers, "layers") {
    const std::int64_t width = config_.embed.back();
    cls_token_ = register_parameter("cls_token", at::randn({1, 1, width}) * 0.02);
    embed_ = register_module("embed", PartEmbed(config_.features, config_.embed));
    pair_embed_ = register_module("pair_embed", PartPairEmbed(config_.pair_embed, config_.heads));
    const auto blocks = register_module("blocks", std::make_shared<torch::nn::Module>("blocks"));
    const auto cls_blocks =
        register_module("cls_blocks", std::make_shared<torch::nn::Module>("blocks"));
    std::uint64_t site = 1;
    PartBlockOptions options{.width = width,
                             .heads = config_.heads,
                             .ffn_ratio = config_.ffn_ratio,
                             .dropout = config_.dropout,
                             .legacy_heads = config_.legacy_heads};
    for (std::int64_t l = 0; l < config_.layers; ++l) {
      options.site = site++;
      blocks_.push_back(blocks->register_module(fmt::to_string(l), PartBlock(options)));
    }
    options.dropout = 0.0;  // the class blocks of the reference drop nothing
    for (std::int64_t l = 0; l < config_.class_layers; ++l) {
      options.site = site++;
      cls_blocks_.push_back(cls_blocks->register_module(fmt::to_string(l), PartBlock(options)));
    }
    norm_ = register_module("norm", nn::LayerNorm(width));
    const auto fc = register_module("fc", std::make_shared<torch::nn::Module>("fc"));
    fc_ = fc->register_module("0", nn::Linear("fc", width, config_.classes));
    if (!config_.exits_after.empty()) {
      const auto heads = register_module("exits", std::make_shared<torch::nn::Module>("exits"));
      for (std::size_t k = 0; k < config_.exits_after.size(); ++k) {
        early_.push_back(heads->register_module(fmt::to_string(k), PartExit(config_, site++)));
      }
    }
  }

  std::int64_t exits() const override { return placement_.exits(); }
  std::int64_t classes() const override { return config_.classes; }

  State stem(const State& batch, nn::Context& context) override {
    State state(batch.jets());
    const at::Tensor& features = batch.get("features");
    const auto embed = [&](const Chunk& chunk) {
      return embed_->forward(chunk.particles(features), context);
    };
    state.set("x", Axis::particle,
              in_chunks(batch.jets(), features, particles_of_a_chunk, context, embed));
    state.set("bias", Axis::pair,
              pair_embed_->forward(batch.get("vectors"), batch.jets(), context));
    return state;
  }

  State segment(std::int64_t k, const State& state, nn::Context& context) override {
    const at::Tensor& before = state.get("x");
    const at::Tensor& bias = state.get("bias");
    const auto [first, last] = placement_.blocks_of(k);
    const auto run = [&, first = first, last = last](const Chunk& chunk) {
      at::Tensor x = chunk.particles(before);
      for (std::int64_t l = first; l < last; ++l) {
        x = blocks_[static_cast<std::size_t>(l)]->forward(x, chunk.pairs(bias), chunk.jets,
                                                          context);
      }
      return x;
    };
    const at::Tensor after = in_chunks(state.jets(), before, particles_of_a_chunk, context, run);
    State next = state;
    next.set("x", Axis::particle, after);
    if (last == config_.layers) {
      next.erase("bias");
    }
    return next;
  }

  HeadOutput head(std::int64_t k, const State& state, nn::Context& context) override {
    if (placement_.early(k)) {
      return early_[static_cast<std::size_t>(k)]->forward(state.get("x"), state.jets(), context);
    }
    const std::int64_t width = config_.embed.back();
    at::Tensor token = cls_token_.view({1, width}).expand({state.size(), width});
    for (PartBlock& block : cls_blocks_) {
      token = block->forward_class(token, state.get("x"), state.jets(), context);
    }
    const at::Tensor embedding = norm_->forward(token, context);
    return {fc_->forward(embedding, context), embedding};
  }

  void prepare() override {
    const at::NoGradGuard no_grad;
    nn::prepare_linears(*this);
    pair_embed_->prepare();
    for (PartBlock& block : blocks_) {
      block->prepare();
    }
    for (PartBlock& block : cls_blocks_) {
      block->prepare();
    }
    for (PartExit& exit : early_) {
      exit->prepare();
    }
  }

  Cost stem_cost(std::int64_t n) const override {
    CostCounter counter;
    embed_->cost(n, counter);
    pair_embed_->cost(n, counter);
    return counter.cost();
  }

  Cost segment_cost(std::int64_t k, std::int64_t n) const override {
    CostCounter counter;
    const auto [first, last] = placement_.blocks_of(k);
    for (std::int64_t l = first; l < last; ++l) {
      blocks_[static_cast<std::size_t>(l)]->cost(n, n, counter);
    }
    return counter.cost();
  }

  Cost head_cost(std::int64_t k, std::int64_t n) const override {
    CostCounter counter;
    if (placement_.early(k)) {
      early_[static_cast<std::size_t>(k)]->cost(n, counter);
    } else {
      counter.parameters(config_.embed.back());  // the class token
      for (const PartBlock& block : cls_blocks_) {
        block->cost(1, n + 1, counter);
      }
      counter.layer_norm(1, fc_->in());
      counter.linear(1, fc_->in(), fc_->out());
    }
    return counter.cost();
  }

  std::int64_t segment_of(const std::string& name) const override {
    return model::segment_of(name, placement_, {"embed", "pair_embed"}, {"blocks"});
  }

 private:
  PartConfig config_;
  Placement placement_;
  at::Tensor cls_token_;
  PartEmbed embed_{nullptr};
  PartPairEmbed pair_embed_{nullptr};
  std::vector<PartBlock> blocks_;
  std::vector<PartBlock> cls_blocks_;
  nn::LayerNorm norm_{nullptr};
  nn::Linear fc_{nullptr};
  std::vector<PartExit> early_;
};

}  // namespace

std::unique_ptr<Network> make_part(const PartConfig& config) {
  return std::make_unique<Part>(config);
}

}  // namespace eebench::model
