#include "eebench/model/particlenext/particlenext.hpp"

#include <algorithm>
#include <utility>

#include <ATen/ATen.h>
#include <fmt/format.h>

#include "eebench/core/error.hpp"
#include "eebench/model/chunks.hpp"
#include "eebench/model/cost.hpp"
#include "eebench/model/named_group.hpp"
#include "eebench/model/particlenext/multi_scale_edge_conv.hpp"
#include "eebench/model/placement.hpp"
#include "eebench/model/pooled_head.hpp"
#include "eebench/model/ranges.hpp"
#include "eebench/nn/elementwise.hpp"
#include "eebench/nn/knn.hpp"
#include "eebench/nn/pair_features.hpp"
#include "eebench/nn/softmax_pool.hpp"

namespace eebench::model {
namespace {

/// BatchNorm and a linear layer without bias: [rows, in] to [rows, out].
class EncodeImpl : public torch::nn::Module {
 public:
  EncodeImpl(const std::string& site, std::int64_t in, std::int64_t out)
      : norm_(register_module("0", nn::BatchNorm(in))),
        layer_(register_module(
            "1", nn::Linear(site, in, out, nn::LinearOptions{.bias = false, .trailing = 2}))) {}

  at::Tensor forward(const at::Tensor& x, const nn::Context& context) {
    return layer_->forward(norm_->forward(x, context), context);
  }
  void cost(std::int64_t rows, CostCounter& counter) const {
    counter.batch_norm(rows, layer_->in());
    counter.linear(rows, layer_->in(), layer_->out(), false);
  }

 private:
  nn::BatchNorm norm_;
  nn::Linear layer_;
};
TORCH_MODULE(Encode);

/// Neighbours and edges are those of the points in the plane, made once; BatchNorm's statistics in
/// training are those of particles and edges that exist, the reference's of padded ones too.
class ParticleNeXt final : public Network {
 public:
  explicit ParticleNeXt(ParticleNeXtConfig config)
      : config_(std::move(config)),
        placement_(config_.exits_after, static_cast<std::int64_t>(config_.layers.size()),
                   "layers") {
    check();
    node_encode_ = register_module("node_encode", Encode("node", config_.features, config_.node));
    edge_encode_ =
        register_module("edge_encode", Encode("edge", nn::pair_feature_count, config_.edge));
    torch::nn::Module& layers = named_group(*this, "layers");
    std::int64_t in = config_.node;
    for (const std::int64_t out : config_.layers) {
      layers_.push_back(layers.register_module(
          fmt::to_string(layers_.size()),
          MultiScaleEdgeConv(MultiScaleEdgeConvOptions{.in = in,
                                                       .edge = config_.edge,
                                                       .message = config_.message,
                                                       .out = out,
                                                       .slices = config_.slices,
                                                       .maps = config_.edge_maps})));
      in = out;
    }
    post_ = named_group(*this, "post").register_module("0", nn::BatchNorm(in));
    sa_ = register_module("sa", nn::Linear("pool", in, config_.jet_maps,
                                           nn::LinearOptions{.bias = false, .trailing = 1}));
    torch::nn::Module& fc = named_group(*this, "fc");
    hidden_ = named_group(fc, "0").register_module("0", nn::Linear("fc.hidden", in, config_.fc));
    fc_ = fc.register_module("1", nn::Linear("fc", config_.fc, config_.classes));
    if (!config_.exits_after.empty()) {
      torch::nn::Module& heads = named_group(*this, "exits");
      for (const std::int64_t after : config_.exits_after) {
        early_.push_back(heads.register_module(
            fmt::to_string(early_.size()),
            PooledHead(PooledHeadOptions{.in = config_.layers[static_cast<std::size_t>(after - 1)],
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
    const std::int64_t k = config_.slices.back();
    const at::Tensor neighbours = nn::nearest_in_plane(batch.get("points"), batch.jets(), k);
    const at::Tensor& vectors = batch.get("vectors");
    const auto encode = [&](const Chunk& chunk) {
      const nn::Edges edges = nn::edges_of(chunk.particles(neighbours), chunk.jets);
      const at::Tensor pairs =
          nn::pair_features(chunk.particles(vectors), nn::PairRows{edges.from, edges.to});
      return nn::to_table(edge_encode_->forward(pairs, context), edges, k);
    };
    State state(batch.jets());
    state.set("f", Axis::particle, node_encode_->forward(batch.get("features"), context));
    state.set("neighbours", Axis::particle, neighbours);
    state.set("edges", Axis::particle,
              in_chunks(batch.jets(), vectors, particles_of_a_chunk, context, encode));
    return state;
  }

  State segment(std::int64_t k, const State& state, nn::Context& context) override {
    const auto [first, last] = placement_.blocks_of(k);
    const auto run = [&, first = first, last = last](const Chunk& chunk) {
      const nn::Edges edges = nn::edges_of(chunk.particles(state.get("neighbours")), chunk.jets);
      const at::Tensor x =
          nn::from_table(chunk.particles(state.get("edges")), edges, config_.slices.back());
      at::Tensor f = chunk.particles(state.get("f"));
      for (std::int64_t l = first; l < last; ++l) {
        f = layers_[static_cast<std::size_t>(l)]->forward(f, x, edges, chunk.jets, context);
      }
      return f;
    };
    State next = state;
    next.set("f", Axis::particle,
             in_chunks(state.jets(), state.get("f"), particles_of_a_chunk, context, run));
    if (!placement_.early(k)) {
      next.erase("neighbours");
      next.erase("edges");
    }
    return next;
  }

  HeadOutput head(std::int64_t k, const State& state, nn::Context& context) override {
    const at::Tensor& f = state.get("f");
    if (placement_.early(k)) {
      return early_[static_cast<std::size_t>(k)]->forward(f, state.jets(), context);
    }
    const at::Tensor x = post_->forward_relu(f, context);
    const at::Tensor pooled = nn::softmax_pool(x, sa_->forward(x, context), state.jets());
    const at::Tensor embedding = hidden_->forward(pooled, context, nn::Activation::relu);
    return {
        fc_->forward(nn::dropout_jets(embedding, is_training() ? config_.dropout : 0.0, 0, context),
                     context),
        embedding};
  }

  void prepare() override {
    const at::NoGradGuard no_grad;
    nn::prepare_linears(*this);
    for (MultiScaleEdgeConv& layer : layers_) {
      layer->prepare();
    }
  }

  Cost stem_cost(std::int64_t n) const override {
    const std::int64_t edges = n * std::min(n, config_.slices.back());
    CostCounter counter;
    counter.work({.elementwise = n * n * (nn::plane_distance_flops + nn::selection_flops),
                  .bytes = 4 * (2 * n + n * n)});
    counter.work({.elementwise = edges * nn::flops_of::pair_features,
                  .bytes = 4 * edges * (8 + nn::pair_feature_count)});
    node_encode_->cost(n, counter);
    edge_encode_->cost(edges, counter);
    return counter.cost();
  }

  Cost segment_cost(std::int64_t k, std::int64_t n) const override {
    CostCounter counter;
    const auto [first, last] = placement_.blocks_of(k);
    for (std::int64_t l = first; l < last; ++l) {
      layers_[static_cast<std::size_t>(l)]->cost(n, counter);
    }
    return counter.cost();
  }

  Cost head_cost(std::int64_t k, std::int64_t n) const override {
    CostCounter counter;
    if (placement_.early(k)) {
      early_[static_cast<std::size_t>(k)]->cost(n, counter);
    } else {
      const std::int64_t channels = sa_->in();
      counter.batch_norm(n, channels);
      counter.relu(n, channels);
      counter.linear(n, channels, sa_->out(), false);
      counter.work({.multiply_adds = n * channels,
                    .elementwise = n * sa_->out() * nn::flops_of::softmax,
                    .bytes = 4 * (n * (channels + sa_->out()) + channels)});
      counter.linear(1, hidden_->in(), hidden_->out());
      counter.relu(1, hidden_->out());
      counter.linear(1, fc_->in(), fc_->out());
    }
    return counter.cost();
  }

  std::int64_t segment_of(const std::string& name) const override {
    return model::segment_of(name, placement_, {"node_encode", "edge_encode"}, {"layers"});
  }

 private:
  static constexpr std::int64_t particles_of_a_chunk = 64;

  void check() const {
    const auto require = [](bool good, const std::string& what) {
      if (!good) {
        throw InputError("model configuration: " + what);
      }
    };
    require_classes(config_.classes);
    require_dropout(config_.dropout);
    require_width("network.node", config_.node);
    require_width("network.edge", config_.edge);
    require_width("network.fc", config_.fc);
    require_widths("exits.particle_widths", config_.exit_particle_widths);
    require_width("exits.width", config_.exit_width);
    constexpr std::int64_t narrowest = 16;  // a squeeze needs a channel
    require_range("network.message", config_.message, narrowest, largest_width);
    require(!config_.layers.empty(), "network.layers must not be empty");
    for (const std::int64_t width : config_.layers) {
      require_range("network.layers", width, narrowest, largest_width);
    }
    require(config_.message % 2 == 0, "network.message must be even");
    const auto require_divisor = [&](const char* key, std::int64_t maps, std::int64_t channels) {
      require_range<std::int64_t>(key, maps, 1, channels);
      require(channels % maps == 0, fmt::format("{} must divide {}", key, channels));
    };
    require_divisor("network.edge_maps", config_.edge_maps, config_.message);
    require_divisor("network.jet_maps", config_.jet_maps, config_.layers.back());
    std::int64_t before = 0;
    constexpr std::int64_t most_neighbours = 128;  // the constituents that a jet keeps
    require(!config_.slices.empty(), "network.slices must not be empty");
    for (const std::int64_t neighbours : config_.slices) {
      require_range("network.slices", neighbours, before + 1, most_neighbours);
      before = neighbours;
    }
  }

  ParticleNeXtConfig config_;
  Placement placement_;
  Encode node_encode_{nullptr};
  Encode edge_encode_{nullptr};
  std::vector<MultiScaleEdgeConv> layers_;
  nn::BatchNorm post_{nullptr};
  nn::Linear sa_{nullptr};
  nn::Linear hidden_{nullptr};
  nn::Linear fc_{nullptr};
  std::vector<PooledHead> early_;
};

}  // namespace

std::unique_ptr<Network> make_particlenext(const ParticleNeXtConfig& config) {
  return std::make_unique<ParticleNeXt>(config);
}

}  // namespace eebench::model
