#include <array>
#include <cmath>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include "eebench/core/error.hpp"
#include "eebench/model/named_group.hpp"
#include "eebench/model/pelican/layers.hpp"
#include "eebench/model/pelican/pelican.hpp"
#include "eebench/model/ranges.hpp"
#include "eebench/nn/elementwise.hpp"
#include "eebench/nn/lorentz_layer.hpp"
#include "eebench/nn/pairs.hpp"

namespace eebench::model {
namespace {

using namespace pelican;

constexpr std::int64_t width = 4;  // of a number, in the cost by formula

std::vector<double> numbers(const at::Tensor& tensor) {
  const at::Tensor flat = tensor.detach().to(at::kDouble).reshape({-1}).contiguous();
  return {flat.const_data_ptr<double>(), flat.const_data_ptr<double>() + flat.numel()};
}

/// The trained numbers, for the one pass over pairs that takes the place of the layers.
struct Fused {
  double scale = 1.0;  ///< of the first BatchNorm: x = scale d + shift
  double shift = 0.0;
  std::vector<double> coefs;   ///< [h, 6]
  std::vector<double> powers;  ///< [5], zeros where there are none
  std::vector<double> bias;
  std::vector<double> diag_bias;
  std::vector<double> out_scale;  ///< of the second BatchNorm
  std::vector<double> out_shift;
  std::vector<double> out_powers;  ///< [h, 2]
};

class PelicanNano final : public Network {
 public:
  explicit PelicanNano(const PelicanNanoConfig& config) : config_(config) {
    require_width("network.n_hidden", config.n_hidden);
    require_nobj(config.nobj, config.sums.nobj_avg);
    require_dropout(config.dropout);
    require_range("network.dropout_out", config.dropout_out, 0.0, 0.99);
    if (config.beams) {
      first_ = at::tensor({0.0, 0.0, 1.0, 1.0, 0.0, 0.0, -1.0, 1.0}, at::kDouble).view({2, 4});
    }
    const auto sums = aggregation("network.config", config.sums.config, config.sums.nobj_avg);
    const auto out =
        aggregation("network.config_out", config.sums.config_out, config.sums.nobj_avg);
    torch::nn::Module& net = named_group(*this, "net2to2");
    message_ = named_group(net, "message_layers")
                   .register_module("0", Message(MessageOptions{.out = 1,
                                                                .batchnorm = config.batchnorm,
                                                                .dropout = config.dropout,
                                                                .site = 0}));
    layer_ = named_group(net, "eq_layers")
                 .register_module(
                     "0", Equivariant(EquivariantOptions{.operations = pairs_to_pairs_nano(),
                                                         .in = 1,
                                                         .out = config.n_hidden,
                                                         .aggregation = sums,
                                                         .activation = nn::Activation::relu,
                                                         .factorize = config.factorize}));
    out_message_ = register_module("msg_2to0", Message(MessageOptions{.out = config.n_hidden,
                                                                      .batchnorm = config.batchnorm,
                                                                      .dropout = config.dropout,
                                                                      .site = 1}));
    out_ = register_module("agg_2to0", ToJets(config.n_hidden, 1, out, nn::Activation::none));
  }

  std::int64_t exits() const override { return 1; }
  std::int64_t classes() const override { return 2; }

  State stem(const State& batch, nn::Context&) override {
    if (fused_) {
      State state(batch.jets());
      state.set("vectors", Axis::particle, batch.get("vectors"));
      return state;
    }
    const auto [vectors, jets] = momenta(batch, first_, config_.nobj);
    State state(jets);
    state.set("x", Axis::pair, nn::lorentz_products(vectors, jets));
    return state;
  }

  State segment(std::int64_t, const State& state, nn::Context& context) override {
    State next(state.jets());
    if (fused_) {
      next.set("aggregates", Axis::sample, fused_aggregates(state.get("vectors"), state.jets()));
    } else {
      const at::Tensor x = message_->forward(state.get("x"), state.jets(), context);
      next.set("x", Axis::pair, layer_->forward(x, state.jets(), context));
    }
    return next;
  }

  HeadOutput head(std::int64_t, const State& state, nn::Context& context) override {
    const at::Tensor aggregates =
        fused_ ? state.get("aggregates")
               : out_->aggregates(out_message_->forward(state.get("x"), state.jets(), context),
                                  state.jets(), context);
    const at::Tensor w = nn::dropout_jets(out_->forward(aggregates, context),
                                          is_training() ? config_.dropout_out : 0.0, 2, context);
    return {at::cat({-w, w}, 1), aggregates};
  }

  /// On CPUs everything up to the sums becomes one pass over the pairs; not for the largest and the
  /// smallest, which are no sums.
  void prepare() override {
    const at::NoGradGuard no_grad;
    if (!out_->bias.device().is_cpu() || !layer_->aggregation().linear() ||
        !out_->aggregation().linear()) {
      layer_->prepare();
      return;
    }
    const nn::BatchNormImpl::Affine in = message_->affine();
    const nn::BatchNormImpl::Affine out = out_message_->affine();
    const auto powers = [](const at::Tensor& alphas, std::int64_t count) {
      return alphas.defined() ? numbers(alphas)
                              : std::vector<double>(static_cast<std::size_t>(count), 0.0);
    };
    fused_ = Fused{.scale = in.scale.item<double>(),
                   .shift = in.shift.item<double>(),
                   .coefs = numbers(layer_->coefficients()),
                   .powers = powers(layer_->alphas, 5),
                   .bias = numbers(layer_->bias),
                   .diag_bias = numbers(layer_->diag_bias),
                   .out_scale = numbers(out.scale),
                   .out_shift = numbers(out.shift),
                   .out_powers = powers(out_->alphas, 2 * config_.n_hidden)};
  }

  Cost stem_cost(std::int64_t n) const override {
    CostCounter counter;
    if (!fused_) {
      n = particles_of(n);
      momenta_cost(n, counter);
      counter.work(nn::lorentz_products_work(n, n * n, width));
    }
    return counter.cost();
  }

  Cost segment_cost(std::int64_t, std::int64_t n) const override {
    CostCounter counter;
    n = particles_of(n);
    if (fused_) {
      counter.work(nn::lorentz_layer_work(n, n * n, 1, config_.n_hidden, width));
      counter.work(affine_work(1, width));
      counter.live(4 * n);
      for (const auto& part : {message_.ptr()->parameters(), layer_.ptr()->parameters()}) {
        for (const at::Tensor& parameter : part) {
          counter.parameters(parameter.numel());
        }
      }
    } else {
      message_->cost(n, counter);
      layer_->cost(n, counter);
    }
    return counter.cost();
  }

  Cost head_cost(std::int64_t, std::int64_t n) const override {
    CostCounter counter;
    n = particles_of(n);
    if (fused_) {
      for (const at::Tensor& parameter : out_message_->parameters()) {
        counter.parameters(parameter.numel());
      }
    } else {
      out_message_->cost(n, counter);
      out_->aggregates_cost(n, counter);
    }
    out_->cost(counter);
    return counter.cost();
  }

  std::int64_t segment_of(const std::string&) const override { return 0; }

 private:
  std::int64_t particles_of(std::int64_t n) const {
    return particles(n, first_.size(0), config_.nobj);
  }

  nn::Work affine_work(std::int64_t jets, std::int64_t bytes) const {
    const std::int64_t elements = 2 * config_.n_hidden * jets;
    return {.elementwise = elements * nn::flops_of::affine, .bytes = 2 * elements * bytes};
  }

  /// The weights of the layer for a jet of n particles: BatchNorm, factors and powers folded in.
  void fold(std::int64_t n, std::span<nn::cpu::PairWeights> channels) const {
    const Aggregation& sums = layer_->aggregation();
    const double count = static_cast<double>(n);
    std::array<double, 6> factor{1.0};
    for (std::size_t b = 1; b < 6; ++b) {
      const std::int64_t indices = *pairs_to_pairs_nano()[b].indices;
      factor[b] = sums.factor(indices, n) * std::pow(count / sums.nobj_avg, fused_->powers[b - 1]);
    }
    for (std::size_t c = 0; c < channels.size(); ++c) {
      std::array<double, 6> w{};
      for (std::size_t b = 0; b < 6; ++b) {
        w[b] = fused_->coefs[6 * c + b] * factor[b];
      }
      // sum_i x_ij = scale C_j + shift n, sum_ij x_ij = scale S + shift n^2
      const double column_shift = fused_->shift * count;
      const double total_shift = column_shift * count;
      channels[c] = {
          .pair = fused_->scale * w[0],
          .row = fused_->scale * w[3],
          .column = fused_->scale * w[2],
          .total = fused_->scale * w[4],
          .bias = fused_->bias[c] + fused_->shift * w[0] + column_shift * (w[2] + w[3]) +
                  total_shift * w[4],
          .diagonal_row = fused_->scale * w[1],
          .diagonal_total = fused_->scale * w[5],
          .diagonal_bias = fused_->diag_bias[c] + column_shift * w[1] + total_shift * w[5]};
    }
  }

  /// [B, 2 h], what ToJets::aggregates makes of all pairs.
  at::Tensor fused_aggregates(const at::Tensor& vectors, const nn::Ragged& jets) const {
    const auto channels = static_cast<std::size_t>(config_.n_hidden);
    const Aggregation& sums = out_->aggregation();
    std::vector<nn::cpu::PairWeights> weights(channels * static_cast<std::size_t>(jets.jets()));
    std::vector<double> scale;
    std::vector<double> shift;
    for (std::int64_t jet = 0; jet < jets.jets(); ++jet) {
      const std::int64_t n = particles_of(jets.multiplicity(jet));
      const double count = static_cast<double>(n);
      const std::array<double, 2> summed{count * count, count};  // by the total, by the trace
      fold(n, std::span(weights).subspan(static_cast<std::size_t>(jet) * channels, channels));
      for (std::size_t c = 0; c < channels; ++c) {
        for (std::size_t op = 0; op < 2; ++op) {
          const double factor = sums.factor(2 - static_cast<std::int64_t>(op), n) *
                                std::pow(count / sums.nobj_avg, fused_->out_powers[2 * c + op]);
          scale.push_back(factor * fused_->out_scale[c]);
          shift.push_back(factor * fused_->out_shift[c] * summed[op]);
        }
      }
    }
    nn::count(affine_work(jets.jets(), vectors.element_size()));
    const auto to_tensor = [&](const std::vector<double>& values) {
      return at::tensor(values, at::kDouble).to(vectors.options()).view({jets.jets(), -1});
    };
    const at::Tensor layer =
        nn::lorentz_layer_sums(vectors, jets, weights, first_.to(vectors.options()), config_.nobj);
    return at::addcmul(to_tensor(shift), layer.view({jets.jets(), -1}), to_tensor(scale));
  }

  PelicanNanoConfig config_;
  at::Tensor first_ = at::empty({0, 4}, at::kDouble);  ///< particles before the constituents
  Message message_{nullptr};
  Equivariant layer_{nullptr};
  Message out_message_{nullptr};
  ToJets out_{nullptr};
  std::optional<Fused> fused_;
};

}  // namespace

std::unique_ptr<Network> make_pelican_nano(const PelicanNanoConfig& config) {
  return std::make_unique<PelicanNano>(config);
}

}  // namespace eebench::model
