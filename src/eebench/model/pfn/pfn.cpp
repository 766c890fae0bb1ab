#include "eebench/model/pfn/pfn.hpp"

#include <utility>

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <fmt/format.h>

#include "eebench/model/chunks.hpp"
#include "eebench/model/cost.hpp"
#include "eebench/model/named_group.hpp"
#include "eebench/model/placement.hpp"
#include "eebench/model/pooled_head.hpp"
#include "eebench/model/ranges.hpp"
#include "eebench/nn/linear.hpp"
#include "eebench/nn/pool.hpp"

namespace eebench::model {
namespace {

constexpr std::int64_t particles_of_a_chunk = 512;

class Pfn final : public Network {
 public:
  explicit Pfn(PfnConfig config)
      : config_(std::move(config)),
        placement_(config_.exits_after, static_cast<std::int64_t>(config_.phi.size()),
                   "layers of phi") {
    require_classes(config_.classes);
    require_widths("network.phi", config_.phi);
    require_widths("network.f", config_.f);
    require_width("exits.width", config_.exit_width);
    // Each layer is the first of a sequence with its activation, hence the names.
    const auto layers = [&](torch::nn::Module& parent, std::int64_t in,
                            const std::vector<std::int64_t>& widths, std::int64_t trailing) {
      std::vector<nn::Linear> all;
      for (const std::int64_t width : widths) {
        const std::string name = fmt::to_string(all.size());
        all.push_back(
            named_group(parent, name)
                .register_module("0", nn::Linear(parent.name() + "." + name, in, width,
                                                 nn::LinearOptions{.trailing = trailing})));
        in = width;
      }
      return all;
    };
    phi_ = layers(named_group(*this, "phi"), config_.features, config_.phi, 1);
    torch::nn::Module& fc = named_group(*this, "fc");
    f_ = layers(fc, config_.phi.back(), config_.f, 0);
    fc_ = fc.register_module(fmt::to_string(f_.size()),
                             nn::Linear("fc", config_.f.back(), config_.classes));
    if (placement_.exits() > 1) {
      torch::nn::Module& heads = named_group(*this, "exits");
      for (const std::int64_t after : config_.exits_after) {
        early_.push_back(heads.register_module(
            fmt::to_string(early_.size()),
            PooledHead(PooledHeadOptions{.in = config_.phi[static_cast<std::size_t>(after - 1)],
                                         .width = config_.exit_width,
                                         .classes = config_.classes})));
      }
    }
  }

  std::int64_t exits() const override { return placement_.exits(); }
  std::int64_t classes() const override { return config_.classes; }

  State stem(const State& batch, nn::Context&) override {
    State state(batch.jets());
    state.set("x", Axis::particle, batch.get("features"));
    return state;
  }

  State segment(std::int64_t k, const State& state, nn::Context& context) override {
    const at::Tensor& before = state.get("x");
    const auto [first, last] = placement_.blocks_of(k);
    State next = state;
    next.set("x", Axis::particle,
             in_chunks(state.jets(), before, particles_of_a_chunk, context,
                       [&, first = first, last = last](const Chunk& chunk) {
                         at::Tensor x = chunk.particles(before);
                         for (std::int64_t l = first; l < last; ++l) {
                           x = phi_[static_cast<std::size_t>(l)]->forward(x, context,
                                                                          nn::Activation::relu);
                         }
                         return x;
                       }));
    return next;
  }

  HeadOutput head(std::int64_t k, const State& state, nn::Context& context) override {
    if (placement_.early(k)) {
      return early_[static_cast<std::size_t>(k)]->forward(state.get("x"), state.jets(), context);
    }
    at::Tensor x = nn::sum_pool(state.get("x"), state.jets());
    for (nn::Linear& layer : f_) {
      x = layer->forward(x, context, nn::Activation::relu);
    }
    return {fc_->forward(x, context), x};
  }

  void prepare() override {
    const at::NoGradGuard no_grad;
    nn::prepare_linears(*this);
  }

  Cost stem_cost(std::int64_t) const override { return {}; }

  Cost segment_cost(std::int64_t k, std::int64_t n) const override {
    CostCounter counter;
    const auto [first, last] = placement_.blocks_of(k);
    for (std::int64_t l = first; l < last; ++l) {
      const nn::Linear& layer = phi_[static_cast<std::size_t>(l)];
      counter.convolution(n, layer->in(), layer->out(), true);
      counter.relu(n, layer->out());
    }
    return counter.cost();
  }

  Cost head_cost(std::int64_t k, std::int64_t n) const override {
    CostCounter counter;
    if (placement_.early(k)) {
      early_[static_cast<std::size_t>(k)]->cost(n, counter);
      return counter.cost();
    }
    counter.pool(n, config_.phi.back());
    for (const nn::Linear& layer : f_) {
      counter.linear(1, layer->in(), layer->out());
      counter.relu(1, layer->out());
    }
    counter.linear(1, fc_->in(), fc_->out());
    return counter.cost();
  }

  std::int64_t segment_of(const std::string& name) const override {
    return model::segment_of(name, placement_, {}, {"phi"});
  }

 private:
  PfnConfig config_;
  Placement placement_;
  std::vector<nn::Linear> phi_;
  std::vector<nn::Linear> f_;
  nn::Linear fc_{nullptr};
  std::vector<PooledHead> early_;
};

}  // namespace

std::unique_ptr<Network> make_pfn(const PfnConfig& config) { return std::make_unique<Pfn>(config); }

}  // namespace eebench::model
