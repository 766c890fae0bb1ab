#include "eebench/model/pcnn/pcnn.hpp"

#include <utility>

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <fmt/format.h>

#include "eebench/core/error.hpp"
#include "eebench/model/chunks.hpp"
#include "eebench/model/cost.hpp"
#include "eebench/model/named_group.hpp"
#include "eebench/model/pcnn/unit.hpp"
#include "eebench/model/placement.hpp"
#include "eebench/model/pooled_head.hpp"
#include "eebench/model/ranges.hpp"
#include "eebench/nn/elementwise.hpp"
#include "eebench/nn/pool.hpp"

namespace eebench::model {
namespace {

constexpr std::int64_t positions_of_a_chunk = 4 * PcnnConfig::positions;

std::int64_t units_of(const PcnnConfig& config) {
  std::int64_t units = 0;
  for (const auto& stage : config.stages) {
    units += static_cast<std::int64_t>(stage.size());
  }
  return units;
}

class Pcnn final : public Network {
 public:
  explicit Pcnn(PcnnConfig config)
      : config_(std::move(config)), placement_(config_.exits_after, units_of(config_), "units") {
    check();
    torch::nn::Module& inputs = named_group(*this, "fts_conv");
    input_bn_ = inputs.register_module("0", nn::BatchNorm(config_.features));
    conv_ = inputs.register_module("1", nn::Conv1d(config_.features, config_.first));
    bn_ = inputs.register_module("2", nn::BatchNorm(config_.first));
    torch::nn::Module& stages = named_group(*this, "resnet_units");
    std::int64_t in = config_.first;
    std::int64_t positions = PcnnConfig::positions;
    for (std::size_t s = 0; s < config_.stages.size(); ++s) {
      torch::nn::Module& stage = named_group(stages, fmt::format("resnet_unit_{}", s));
      for (std::size_t u = 0; u < config_.stages[s].size(); ++u) {
        const std::int64_t out = config_.stages[s][u];
        const std::int64_t stride = s > 0 && u == 0 ? 2 : 1;
        positions = (positions + stride - 1) / stride;
        units_.push_back(stage.register_module(fmt::to_string(u), PcnnUnit(in, out, stride)));
        shapes_.push_back({positions, out});
        in = out;
      }
    }
    torch::nn::Module& fc = named_group(*this, "fc");
    hidden_ = named_group(fc, "0").register_module("0", nn::Linear("fc.hidden", in, config_.fc));
    fc_ = fc.register_module("1", nn::Linear("fc", config_.fc, config_.classes));
    if (placement_.exits() > 1) {
      torch::nn::Module& heads = named_group(*this, "exits");
      for (const std::int64_t after : config_.exits_after) {
        early_.push_back(
            heads.register_module(fmt::to_string(early_.size()),
                                  PooledHead(PooledHeadOptions{
                                      .in = shapes_[static_cast<std::size_t>(after - 1)].channels,
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
    const at::Tensor features = nn::pad(batch.get("features"), batch.jets(), PcnnConfig::positions);
    State state(batch.jets());
    state.set("x", Axis::sample, in_parts(features, context, [&](const at::Tensor& part) {
                const at::Tensor x =
                    input_bn_->forward(part.flatten(0, 1), context).view(part.sizes());
                return first_convolution(x, context).view({part.size(0), -1, config_.first});
              }));
    return state;
  }

  State segment(std::int64_t k, const State& state, nn::Context& context) override {
    const auto [first, last] = placement_.blocks_of(k);
    State next = state;
    next.set(
        "x", Axis::sample,
        in_parts(state.get("x"), context, [&, first = first, last = last](const at::Tensor& part) {
          at::Tensor x = part;
          for (std::int64_t u = first; u < last; ++u) {
            x = units_[static_cast<std::size_t>(u)]->forward(x, context);
          }
          return x;
        }));
    return next;
  }

  HeadOutput head(std::int64_t k, const State& state, nn::Context& context) override {
    const at::Tensor& x = state.get("x");
    const at::Tensor rows = x.flatten(0, 1);
    const nn::Ragged positions = nn::Ragged::equal(x.size(0), x.size(1));
    if (placement_.early(k)) {
      return early_[static_cast<std::size_t>(k)]->forward(rows, positions, context);
    }
    const at::Tensor embedding =
        hidden_->forward(nn::mean_pool(rows, positions), context, nn::Activation::relu);
    return {
        fc_->forward(nn::dropout_jets(embedding, is_training() ? config_.dropout : 0.0, 0, context),
                     context),
        embedding};
  }

  void prepare() override {
    const at::NoGradGuard no_grad;
    nn::prepare_linears(*this);
    prepared_ = nn::folded({conv_->matrix(), conv_->bias}, bn_);
    for (PcnnUnit& unit : units_) {
      unit->prepare();
    }
  }

  Cost stem_cost(std::int64_t n) const override {
    CostCounter counter;
    counter.work({.bytes = 4 * (n + PcnnConfig::positions) * config_.features});
    counter.batch_norm(PcnnConfig::positions, config_.features);
    convolution_cost(conv_, PcnnConfig::positions, counter);
    return counter.cost();
  }

  Cost segment_cost(std::int64_t k, std::int64_t) const override {
    CostCounter counter;
    const auto [first, last] = placement_.blocks_of(k);
    for (std::int64_t u = first; u < last; ++u) {
      const auto unit = static_cast<std::size_t>(u);
      units_[unit]->cost(shapes_[unit].positions, counter);
    }
    return counter.cost();
  }

  Cost head_cost(std::int64_t k, std::int64_t) const override {
    CostCounter counter;
    const auto unit = static_cast<std::size_t>(placement_.blocks_of(k).second - 1);
    if (placement_.early(k)) {
      early_[static_cast<std::size_t>(k)]->cost(shapes_[unit].positions, counter);
    } else {
      counter.pool(shapes_[unit].positions, shapes_[unit].channels);
      counter.linear(1, hidden_->in(), hidden_->out());
      counter.relu(1, hidden_->out());
      counter.linear(1, fc_->in(), fc_->out());
    }
    return counter.cost();
  }

  std::int64_t segment_of(const std::string& name) const override {
    std::int64_t before = 0;  // units of the stages before
    for (std::size_t s = 0; s < config_.stages.size(); ++s) {
      if (const auto unit = number_in(fmt::format("resnet_units.resnet_unit_{}", s), name)) {
        return placement_.segment_of(before + *unit);
      }
      before += static_cast<std::int64_t>(config_.stages[s].size());
    }
    return model::segment_of(name, placement_, {"fts_conv"}, {});
  }

 private:
  /// Of a jet behind a unit.
  struct Shape {
    std::int64_t positions;
    std::int64_t channels;
  };

  void check() const {
    if (config_.stages.empty()) {
      throw InputError("model configuration: network.stages must not be empty");
    }
    for (const auto& stage : config_.stages) {
      require_widths("network.stages", stage);
    }
    require_classes(config_.classes);
    require_width("network.first", config_.first);
    require_width("network.fc", config_.fc);
    require_dropout(config_.dropout);
    require_width("exits.width", config_.exit_width);
  }

  /// in_chunks for x [B, L, C].
  template <class Run>
  static at::Tensor in_parts(const at::Tensor& x, const nn::Context& context, const Run& run) {
    const std::int64_t length = x.size(1);
    return in_chunks(nn::Ragged::equal(x.size(0), length), x, positions_of_a_chunk, context,
                     [&](const Chunk& chunk) {
                       return run(x.narrow(0, chunk.first_particle / length, chunk.jets.jets()));
                     });
  }

  /// [B, L, F] to [B * L, first].
  at::Tensor first_convolution(const at::Tensor& x, const nn::Context& context) {
    if (context.training && is_training()) {
      return bn_->forward_relu(conv_->forward(x, context), context);
    }
    const nn::LinearWeights layer =
        prepared_.weight.defined() ? prepared_ : nn::folded({conv_->matrix(), conv_->bias}, bn_);
    return nn::linear(nn::windows(x, 3, 1), layer, context, nn::Activation::relu);
  }

  PcnnConfig config_;
  Placement placement_;
  nn::BatchNorm input_bn_{nullptr};
  nn::Conv1d conv_{nullptr};
  nn::BatchNorm bn_{nullptr};
  nn::LinearWeights prepared_;  ///< both as one, undefined before prepare()
  std::vector<PcnnUnit> units_;
  std::vector<Shape> shapes_;  ///< behind each unit
  nn::Linear hidden_{nullptr};
  nn::Linear fc_{nullptr};
  std::vector<PooledHead> early_;
};

}  // namespace

std::unique_ptr<Network> make_pcnn(const PcnnConfig& config) {
  return std::make_unique<Pcnn>(config);
}

}  // namespace eebench::model
