#include "eebench/model/sequential/sequential.hpp"

#include <functional>
#include <numeric>
#include <utility>

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "eebench/core/error.hpp"
#include "eebench/model/named_group.hpp"
#include "eebench/model/placement.hpp"
#include "eebench/model/ranges.hpp"

namespace eebench::model {
namespace {

/// Layers that end with a linear layer to the classes.
class Head {
 public:
  Head(torch::nn::Module& parent, const std::vector<LayerConfig>& layers, const Shape& input,
       const std::string& where, std::uint64_t& site, std::int64_t classes)
      : layers_(parent, layers, input, where, site) {
    const auto* last = layers.empty() ? nullptr : std::get_if<LinearConfig>(&layers.back().of);
    if (last == nullptr || last->out != classes) {
      throw InputError(fmt::format(
          "model configuration: {} must end with a linear layer whose out is the {} classes", where,
          classes));
    }
  }

  HeadOutput forward(const at::Tensor& x, const nn::Context& context) const {
    const std::int64_t last = layers_.size() - 1;
    const at::Tensor embedding = layers_.forward(x, 0, last, context);
    return {layers_.forward(embedding, last, last + 1, context), embedding};
  }
  Cost cost() const {
    CostCounter counter;
    layers_.cost(0, layers_.size(), counter);
    return counter.cost();
  }
  void prepare() { layers_.prepare(0, layers_.size()); }

 private:
  Layers layers_;
};

class Sequential final : public Network {
 public:
  explicit Sequential(SequentialConfig config)
      : config_(std::move(config)),
        placement_(config_.exits_after, static_cast<std::int64_t>(config_.layers.size()),
                   "network.layers"),
        layers_(named_group(*this, "features"), config_.layers, input(), "network.layers", site_) {
    require_classes(config_.classes);
    if (placement_.exits() > 1) {
      torch::nn::Module& exits = named_group(*this, "exits");
      for (const std::int64_t after : config_.exits_after) {
        heads_.emplace_back(named_group(exits, fmt::to_string(heads_.size())), config_.head,
                            layers_.shape_after(after), "exits.head", site_, config_.classes);
      }
    }
    heads_.emplace_back(named_group(*this, "classifier"), config_.classifier,
                        layers_.shape_after(layers_.size()), "network.classifier", site_,
                        config_.classes);
  }

  std::int64_t exits() const override { return placement_.exits(); }
  std::int64_t classes() const override { return config_.classes; }

  State stem(const State& batch, nn::Context&) override {
    const at::Tensor& features = batch.get("features");
    if (features.size(0) != batch.size()) {
      throw InputError(
          "a sequential network takes samples of one row, such as images; give jets of many "
          "particles to another kind of network");
    }
    State state(batch.jets());
    at::Tensor x = features;
    if (config_.input.size() == 3) {
      x = x.view({-1, config_.input[0], config_.input[1], config_.input[2]})
              .permute({0, 2, 3, 1})
              .contiguous();
    }
    state.set("x", Axis::sample, x);
    return state;
  }

  State segment(std::int64_t k, const State& state, nn::Context& context) override {
    const auto [first, last] = placement_.blocks_of(k);
    State next = state;
    next.set("x", Axis::sample, layers_.forward(state.get("x"), first, last, context));
    return next;
  }

  HeadOutput head(std::int64_t k, const State& state, nn::Context& context) override {
    return heads_[static_cast<std::size_t>(k)].forward(state.get("x"), context);
  }

  void prepare() override {
    const at::NoGradGuard no_grad;
    for (std::int64_t k = 0; k < exits(); ++k) {
      const auto [first, last] = placement_.blocks_of(k);
      layers_.prepare(first, last);
      heads_[static_cast<std::size_t>(k)].prepare();
    }
  }

  Cost stem_cost(std::int64_t) const override { return {}; }

  Cost segment_cost(std::int64_t k, std::int64_t) const override {
    CostCounter counter;
    const auto [first, last] = placement_.blocks_of(k);
    layers_.cost(first, last, counter);
    return counter.cost();
  }

  Cost head_cost(std::int64_t k, std::int64_t) const override {
    return heads_[static_cast<std::size_t>(k)].cost();
  }

 private:
  /// As the layers have a sample. Also checks what is given.
  Shape input() const {
    const std::vector<std::int64_t>& given = config_.input;
    const std::int64_t numbers =
        std::accumulate(given.begin(), given.end(), std::int64_t{1}, std::multiplies<>());
    if ((given.size() != 1 && given.size() != 3) ||
        *std::min_element(given.begin(), given.end()) < 1) {
      throw InputError(
          "model configuration: network.input must be [channels, height, width] or [features]");
    }
    if (numbers != config_.features) {
      throw InputError(fmt::format(
          "model configuration: network.input = [{}] has {} numbers, a sample of the data {}; "
          "give the shape of the data or choose other features",
          fmt::join(given, ", "), numbers, config_.features));
    }
    return given.size() == 1 ? given : Shape{given[1], given[2], given[0]};
  }

  SequentialConfig config_;
  Placement placement_;
  std::uint64_t site_ = 0;
  Layers layers_;
  std::vector<Head> heads_;
};

}  // namespace

std::unique_ptr<Network> make_sequential(const SequentialConfig& config) {
  return std::make_unique<Sequential>(config);
}

}  // namespace eebench::model
