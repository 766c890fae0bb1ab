#include <cmath>
#include <string>
#include <vector>

#include <ATen/ATen.h>
#include <catch2/catch.hpp>

#include "eebench/comm/all_reducer.hpp"
#include "eebench/train/trainer.hpp"

namespace eebench::train {
namespace {

/// x_k = a_k x_{k-1} of a feature x_{-1}, and the logits (b_k x_k, 0) of exit k: three exits.
struct Chain : model::Network {
  Chain() {
    a = register_parameter("a", at::tensor({1.5, -0.8, 2.0}, at::kDouble));
    b = register_parameter("b", at::tensor({0.7, 1.1, -0.4}, at::kDouble));
  }
  std::int64_t exits() const override { return 3; }
  std::int64_t classes() const override { return 2; }
  model::State stem(const model::State& batch, nn::Context&) override {
    model::State state(batch.jets());
    state.set("x", model::Axis::sample, batch.get("features"));
    return state;
  }
  model::State segment(std::int64_t k, const model::State& state, nn::Context&) override {
    model::State next(state.jets());
    next.set("x", model::Axis::sample, a[k] * state.get("x"));
    return next;
  }
  model::HeadOutput head(std::int64_t k, const model::State& state, nn::Context&) override {
    const at::Tensor logit = b[k] * state.get("x");
    return {at::cat({logit, at::zeros_like(logit)}, 1), {}};
  }
  model::Cost stem_cost(std::int64_t) const override { return {}; }
  model::Cost segment_cost(std::int64_t, std::int64_t) const override { return {}; }
  model::Cost head_cost(std::int64_t, std::int64_t) const override { return {}; }
  std::int64_t segment_of(const std::string&) const override { return 0; }

  at::Tensor a;
  at::Tensor b;
};

TEST_CASE("equilibrium: of K exits, exit k gives the trunk 1/(K-k), what comes after it the rest") {
  Chain network;
  const Settings settings{.global_batch = 1,
                          .clip = 0.0,
                          .loss = "equilibrium",
                          .exit_weights = {0.5, 2.0, 1.0},
                          .precision = "fp64"};
  const comm::Communicator alone;
  Trainer trainer(network, settings, {.steps = 1, .per_epoch = 1}, at::kCPU, alone,
                  comm::make_all_reducer("self", alone));
  trainer.step({.offsets = {0, 1},
                .features_per_particle = 1,
                .features = {0.5F},
                .points = {0.0F, 0.0F},
                .vectors = {0.0F, 0.0F, 0.0F, 0.0F},
                .labels = {0},
                .index = {0}});

  // By hand: x = 0.75, -0.6, -1.2, and of the losses w_k ln(1 + exp(-b_k x_k)) by x_k:
  const double x[] = {0.75, -0.6, -1.2};
  const auto slope = [](double w, double z) { return -w / (1.0 + std::exp(z)); };  // by z = b_k x_k
  const double by_logit[] = {slope(0.5, 0.7 * x[0]), slope(2.0, 1.1 * x[1]),
                             slope(1.0, -0.4 * x[2])};
  const double g0 = 0.7 * by_logit[0];
  const double g1 = 1.1 * by_logit[1];
  const double g2 = -0.4 * by_logit[2];
  // The third segment learns from the last exit alone, the second half from each of two exits, the
  // first a third from each of three; heads learn as ever.
  const double at_x1 = g1 / 2.0 + 2.0 * g2 / 2.0;
  const double at_x0 = g0 / 3.0 + -0.8 * at_x1 * 2.0 / 3.0;
  const at::Tensor by_a = at::tensor({0.5 * at_x0, x[0] * at_x1, x[1] * g2}, at::kDouble);
  const at::Tensor by_b =
      at::tensor({x[0] * by_logit[0], x[1] * by_logit[1], x[2] * by_logit[2]}, at::kDouble);
  CAPTURE(network.a.grad(), by_a, network.b.grad(), by_b);
  CHECK(at::allclose(network.a.grad(), by_a, 1e-13, 0.0));
  CHECK(at::allclose(network.b.grad(), by_b, 1e-13, 0.0));
}

}  // namespace
}  // namespace eebench::train
