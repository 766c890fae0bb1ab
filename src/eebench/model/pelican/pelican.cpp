#include "eebench/model/pelican/pelican.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <fmt/format.h>

#include "eebench/core/error.hpp"
#include "eebench/core/names.hpp"
#include "eebench/model/chunks.hpp"
#include "eebench/model/named_group.hpp"
#include "eebench/model/pelican/layers.hpp"
#include "eebench/model/placement.hpp"
#include "eebench/model/ranges.hpp"
#include "eebench/nn/concat.hpp"
#include "eebench/nn/elementwise.hpp"
#include "eebench/nn/pairs.hpp"

namespace eebench::model {
namespace {

using namespace pelican;

constexpr std::int64_t width = 4;  // of a number, in the cost by formula

/// Of a jet of 40, the pairs of 60 channels are 0.4 MB.
constexpr std::int64_t particles_of_a_chunk = 40;

/// The directions that a stabilizer singles out, as (E, px, py, pz). Spurions are these vectors;
/// input features are the products of momenta with them, without regard to the metric.
struct Stabilizer {
  std::string_view name;
  std::vector<std::array<double, 4>> axes;
};

const Stabilizer& stabilizer(const std::string& name) {
  static const std::vector<Stabilizer> all{
      {"so13", {}},
      {"so3", {{1, 0, 0, 0}}},
      {"so12", {{0, 0, 0, 1}}},
      {"se2", {{1, 0, 0, -1}}},
      {"so2", {{1, 0, 0, 0}, {0, 0, 0, 1}}},
      {"so2_0", {{1, 0, 0, 1}, {1, 0, 0, -1}}},
      {"R", {{0, 1, 0, 0}, {0, 0, 1, 0}}},
      {"1", {{1, 0, 0, 0}, {0, 1, 0, 0}, {0, 0, 1, 0}, {0, 0, 0, 1}}},
      {"11", {{1, 0, 0, 0}, {0, 1, 0, 0}, {0, 0, 1, 0}, {0, 0, 0, 1}}}};
  return entry_of(all, "network.stabilizer", name, "model configuration");
}

/// The layers from pairs to logits, registered with `parent` under the reference's names.
class Head {
 public:
  Head(torch::nn::Module& parent, const PelicanConfig& config, std::int64_t in, std::uint64_t site)
      : dropout_(config.dropout_out), site_(site) {
    message_ =
        parent.register_module("msg_2to0", Message(MessageOptions{.in = in,
                                                                  .out = config.m_out.back(),
                                                                  .batchnorm = config.batchnorm,
                                                                  .dropout = config.dropout,
                                                                  .site = site}));
    to_jets_ = parent.register_module(
        "agg_2to0",
        ToJets(config.m_out.back(), config.out,
               aggregation("network.config_out", config.sums.config_out, config.sums.nobj_avg),
               nn::Activation::leaky_relu));
    fc_ = named_group(named_group(parent, "mlp_out"), "linear")
              .register_module("0", nn::Linear("fc", config.out, config.classes));
    initialise(*fc_);
  }

  HeadOutput forward(const at::Tensor& x, const nn::Ragged& jets, const nn::Context& context) {
    at::Tensor embedding = to_jets_->forward(aggregates(x, jets, context), context);
    embedding =
        nn::dropout_jets(embedding, fc_->is_training() ? dropout_ : 0.0, site_ + 1, context);
    // The reference ends with a leaky ReLU on the logits.
    return {fc_->forward(embedding, context, nn::Activation::leaky_relu), embedding};
  }

  void cost(std::int64_t n, CostCounter& counter) const {
    message_->cost(n, counter);
    to_jets_->aggregates_cost(n, counter);
    to_jets_->cost(counter);
    counter.linear(1, fc_->in(), fc_->out());
    counter.relu(1, fc_->out());
  }

 private:
  at::Tensor aggregates(const at::Tensor& x, const nn::Ragged& jets, const nn::Context& context) {
    return in_chunks(jets, x, particles_of_a_chunk, context, [&](const Chunk& chunk) {
      return to_jets_->aggregates(message_->forward(chunk.pairs(x), chunk.jets, context),
                                  chunk.jets, context);
    });
  }

  double dropout_;
  std::uint64_t site_;
  Message message_{nullptr};
  ToJets to_jets_{nullptr};
  nn::Linear fc_{nullptr};
};

class Pelican final : public Network {
 public:
  explicit Pelican(PelicanConfig config)
      : config_(std::move(config)),
        placement_(config_.exits_after, static_cast<std::int64_t>(config_.channels_2to2.size()),
                   "the number of network.channels_2to2") {
    const Stabilizer& kept = stabilizer(config_.stabilizer);
    const auto axes = static_cast<std::int64_t>(kept.axes.size());
    spurions_ = config_.method == "spurions" ? axes : 0;
    check();
    axes_ = at::empty({axes, 4}, at::kDouble);
    for (std::int64_t axis = 0; axis < axes; ++axis) {
      for (std::int64_t k = 0; k < 4; ++k) {
        // (E, px, py, pz) to (px, py, pz, E)
        axes_[axis][(k + 3) % 4] =
            kept.axes[static_cast<std::size_t>(axis)][static_cast<std::size_t>(k)];
      }
    }
    lorentz_product_ = spurions_ > 0 || config_.stabilizer != "1";
    features_ = axes - spurions_ + (lorentz_product_ ? 1 : 0);
    const std::int64_t encoded =
        config_.m_channels.front() - (spurions_ > 0 ? config_.scalar_channels : 0);

    linear_ = register_module("linear", nn::Linear("linear", features_, encoded));
    const at::NoGradGuard no_grad;
    linear_->bias.zero_();
    linear_->weight.zero_();
    if (lorentz_product_) {
      linear_->weight.select(1, features_ - 1).fill_(1.0);
    } else {  // the products of all components make the Lorentz product
      linear_->weight.copy_(at::tensor({1.0, -1.0, -1.0, -1.0}).expand({encoded, 4}));
    }
    alphas_ = named_group(*this, "input_encoder")
                  .register_parameter("rank2_alphas", at::linspace(0.05, 0.5, encoded));
    if (spurions_ > 0) {
      scalars_ = register_module(
          "eq1to2",
          Equivariant(EquivariantOptions{.operations = particles_to_pairs(),
                                         .in = 1 + spurions_,
                                         .out = config_.scalar_channels,
                                         .aggregation = sums(config_.sums.config_out, "config_out"),
                                         .diagonal_bias = false,
                                         .random_powers = false}));
    }
    torch::nn::Module& net = named_group(*this, "net2to2");
    torch::nn::Module& messages = named_group(net, "message_layers");
    torch::nn::Module& layers = named_group(net, "eq_layers");
    for (std::size_t b = 0; b < config_.channels_2to2.size(); ++b) {
      const std::string name = fmt::to_string(b);
      messages_.push_back(
          messages.register_module(name, Message(MessageOptions{.in = channels_before(b),
                                                                .out = config_.channels_2to2[b],
                                                                .batchnorm = config_.batchnorm,
                                                                .dropout = config_.dropout,
                                                                .site = b})));
      layers_.push_back(layers.register_module(
          name, Equivariant(EquivariantOptions{.operations = pairs_to_pairs(),
                                               .in = config_.channels_2to2[b],
                                               .out = channels_before(b + 1),
                                               .aggregation = sums(config_.sums.config, "config"),
                                               .factorize = config_.factorize})));
    }
    constexpr std::uint64_t first_site_of_heads = 1000;
    if (!config_.exits_after.empty()) {
      torch::nn::Module& exits = named_group(*this, "exits");
      for (const std::int64_t after : config_.exits_after) {
        heads_.emplace_back(named_group(exits, fmt::to_string(heads_.size())), config_,
                            channels_before(static_cast<std::size_t>(after)),
                            first_site_of_heads + 2 * heads_.size());
      }
    }
    heads_.emplace_back(*this, config_, config_.m_out.front(),
                        first_site_of_heads + 2 * heads_.size());
  }

  std::int64_t exits() const override { return placement_.exits(); }
  std::int64_t classes() const override { return config_.classes; }

  State stem(const State& batch, nn::Context& context) override {
    const auto [vectors, jets] = momenta(batch, axes_.narrow(0, 0, spurions_), config_.nobj);
    std::vector<at::Tensor> features;
    for (std::int64_t axis = spurions_; axis < axes_.size(0); ++axis) {
      // Products a_i a_j are Lorentz products of vectors that have nothing but an energy.
      const at::Tensor component = at::mv(vectors, axes_[axis].to(vectors.options()));
      const at::Tensor energy = at::constant_pad_nd(component.unsqueeze(1), {3, 0});
      features.push_back(nn::lorentz_products(energy, jets));
    }
    if (lorentz_product_) {
      features.push_back(nn::lorentz_products(vectors, jets));
    }
    const at::Tensor x = linear_->forward(nn::concat(features), context);
    const at::Tensor encoded = nn::signed_power(x, 1e-6 + alphas_.square());
    State state(jets);
    if (spurions_ > 0) {
      const at::Tensor scalars = scalars_->forward(labels(jets, vectors.options()), jets, context);
      state.set("x", Axis::pair, nn::concat({encoded, scalars}));
    } else {
      state.set("x", Axis::pair, encoded);
    }
    return state;
  }

  State segment(std::int64_t k, const State& state, nn::Context& context) override {
    const at::Tensor& before = state.get("x");
    const auto [first, last] = placement_.blocks_of(k);
    const auto run = [&, first = first, last = last](const Chunk& chunk) {
      at::Tensor x = chunk.pairs(before);
      for (std::int64_t b = first; b < last; ++b) {
        const auto block = static_cast<std::size_t>(b);
        x = messages_[block]->forward(x, chunk.jets, context);
        x = layers_[block]->forward(x, chunk.jets, context);
      }
      return x;
    };
    State next(state.jets());
    next.set("x", Axis::pair, in_chunks(state.jets(), before, particles_of_a_chunk, context, run));
    return next;
  }

  HeadOutput head(std::int64_t k, const State& state, nn::Context& context) override {
    return heads_[static_cast<std::size_t>(k)].forward(state.get("x"), state.jets(), context);
  }

  void prepare() override {
    const at::NoGradGuard no_grad;
    nn::prepare_linears(*this);
    if (!scalars_.is_empty()) {
      scalars_->prepare();
    }
    for (Equivariant& layer : layers_) {
      layer->prepare();
    }
  }

  Cost stem_cost(std::int64_t n) const override {
    CostCounter counter;
    n = particles(n, spurions_, config_.nobj);
    momenta_cost(n, counter);
    for (std::int64_t feature = 0; feature < features_; ++feature) {
      counter.work(nn::lorentz_products_work(n, n * n, width));
    }
    counter.concat(n * n, features_);
    counter.linear(n * n, linear_->in(), linear_->out());
    counter.work(nn::signed_power_work(n * n * linear_->out(), width));
    counter.parameters(alphas_.numel());
    if (!scalars_.is_empty()) {
      scalars_->cost(n, counter);
      counter.concat(n * n, config_.m_channels.front());
    }
    return counter.cost();
  }

  Cost segment_cost(std::int64_t k, std::int64_t n) const override {
    CostCounter counter;
    n = particles(n, spurions_, config_.nobj);
    const auto [first, last] = placement_.blocks_of(k);
    for (std::int64_t b = first; b < last; ++b) {
      const auto block = static_cast<std::size_t>(b);
      messages_[block]->cost(n, counter);
      layers_[block]->cost(n, counter);
    }
    return counter.cost();
  }

  Cost head_cost(std::int64_t k, std::int64_t n) const override {
    CostCounter counter;
    heads_[static_cast<std::size_t>(k)].cost(particles(n, spurions_, config_.nobj), counter);
    return counter.cost();
  }

  std::int64_t segment_of(const std::string& name) const override {
    return model::segment_of(name, placement_, {"linear", "input_encoder", "eq1to2"},
                             {"net2to2.message_layers", "net2to2.eq_layers"});
  }

 private:
  void check() const {
    require_classes(config_.classes);
    require_nobj(config_.nobj, config_.sums.nobj_avg);
    require_dropout(config_.dropout);
    require_range("network.dropout_out", config_.dropout_out, 0.0, 0.99);
    require_widths("network.m_channels", config_.m_channels);
    require_widths("network.channels_2to2", config_.channels_2to2);
    require_widths("network.m_out", config_.m_out);
    require_width("network.out", config_.out);
    require_width("network.scalar_channels", config_.scalar_channels);
    if (config_.m_channels.size() != config_.channels_2to2.size() || config_.m_out.size() != 2) {
      throw InputError(
          "model configuration: network.m_channels and network.channels_2to2 name the channels of "
          "the same blocks, network.m_out two widths");
    }
    if (config_.method != "spurions" && config_.method != "input") {
      throw_unknown("network.method", config_.method, "model configuration",
                    std::array<std::string_view, 2>{"spurions", "input"});
    }
    if (spurions_ > 0 && config_.scalar_channels >= config_.m_channels.front()) {
      throw InputError(fmt::format(
          "model configuration: network.scalar_channels = {} must leave some of the {} first "
          "network.m_channels",
          config_.scalar_channels, config_.m_channels.front()));
    }
  }

  Aggregation sums(const std::string& letter, const char* key) const {
    return aggregation(fmt::format("network.{}", key), letter, config_.sums.nobj_avg);
  }

  /// Of pairs before block b; behind the last block, of the head.
  std::int64_t channels_before(std::size_t b) const {
    return b < config_.m_channels.size() ? config_.m_channels[b] : config_.m_out.front();
  }

  /// What each particle is, one column a kind: a constituent, the first spurion, ...
  at::Tensor labels(const nn::Ragged& jets, at::TensorOptions options) const {
    std::vector<std::int64_t> kinds;
    for (std::int64_t jet = 0; jet < jets.jets(); ++jet) {
      for (std::int64_t i = 0; i < jets.multiplicity(jet); ++i) {
        kinds.push_back(i < spurions_ ? i + 1 : 0);
      }
    }
    return at::one_hot(at::tensor(kinds, at::kLong), 1 + spurions_).to(options);
  }

  PelicanConfig config_;
  Placement placement_;
  at::Tensor axes_;              ///< [axes, 4]
  std::int64_t spurions_ = 0;    ///< axes that stand before the constituents, or none
  std::int64_t features_ = 0;    ///< of a pair
  bool lorentz_product_ = true;  ///< is one of them
  nn::Linear linear_{nullptr};
  at::Tensor alphas_;
  Equivariant scalars_{nullptr};  ///< empty without spurions
  std::vector<Message> messages_;
  std::vector<Equivariant> layers_;
  std::vector<Head> heads_;
};

}  // namespace

std::unique_ptr<Network> make_pelican(const PelicanConfig& config) {
  return std::make_unique<Pelican>(config);
}

}  // namespace eebench::model
