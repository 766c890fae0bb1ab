#include "eebench/train/loss.hpp"

#include <cmath>
#include <utility>
#include <vector>

#include <ATen/ATen.h>
#include <catch2/catch.hpp>

#include "eebench/model/state.hpp"
#include "eebench/train/gradient.hpp"

namespace eebench::train {
namespace {

Settings settings_with(const std::string& loss, std::vector<double> weights,
                       std::int64_t global_batch) {
  Settings settings;
  settings.loss = loss;
  settings.exit_weights = std::move(weights);
  settings.global_batch = global_batch;
  return settings;
}

constexpr Length ten_epochs{.steps = 100, .per_epoch = 10};

TEST_CASE("parts of a batch have losses and gradients that add up to those of the whole") {
  at::manual_seed(3);
  const at::Tensor labels = at::arange(10) % 4;
  std::vector<at::Tensor> whole(3);
  whole[0] = at::randn({10, 4}, at::kDouble).requires_grad_();
  whole[2] = at::randn({10, 4}, at::kDouble).requires_grad_();  // exit 2 was not run
  const Settings settings = settings_with("joint", {0.25, 0.0, 1.0}, 10);
  const StepPlan plan = plan_step(0, ten_epochs, settings);
  const at::Tensor loss = total_loss(plan, whole, labels, settings);
  loss.backward();
  const auto by_hand = [&](std::size_t k) {
    return -at::log_softmax(whole[k], 1).gather(1, labels.unsqueeze(1)).mean().item<double>();
  };
  CHECK(loss.item<double>() == Approx(0.25 * by_hand(0) + by_hand(2)).epsilon(1e-12));

  double sum = 0.0;
  for (const auto& [first, count] : {std::pair{0, 3}, std::pair{3, 7}}) {
    std::vector<at::Tensor> part(3);
    for (const std::size_t k : {0U, 2U}) {
      part[k] = whole[k].detach().narrow(0, first, count).clone().requires_grad_();
    }
    const at::Tensor partial = total_loss(plan, part, labels.narrow(0, first, count), settings);
    partial.backward();
    sum += partial.item<double>();
    for (const std::size_t k : {0U, 2U}) {
      CHECK(at::allclose(part[k].grad(), whole[k].grad().narrow(0, first, count), 0.0, 1e-15));
    }
  }
  CHECK(sum == Approx(loss.item<double>()).epsilon(1e-14));
}

TEST_CASE("losses and their gradients are those written down for two jets") {
  struct Golden {
    std::string loss;
    double value;
    std::vector<double> early;
    std::vector<double> last;
  };
  const std::vector<double> label_alone{-0.0781026327593303, 0.0570975996922972,
                                        0.021005033067033,   0.0648741506450266,
                                        0.144380077461693,   -0.209254228106719};
  // PyTorch 2.13.0: cross_entropy, mse_loss and kl_div(reduction="batchmean"), weights 0.3 and 1,
  // temperature 2, share 0.25.
  const Golden golden = GENERATE_COPY(
      Golden{"joint",
             0.57603118721742,
             {-0.0638854510548458, 0.0522311141825602, 0.0116543368722856, 0.049339938343336,
              0.0403961248766607, -0.0897360632199967},
             label_alone},
      Golden{
          "mimic_detached", 0.465502434377491, {-0.1, 0.05, 0.0, 0.07, -0.03, -0.06}, label_alone},
      Golden{"mimic_flow",
             0.465502434377491,
             {-0.1, 0.05, 0.0, 0.07, -0.03, -0.06},
             {0.0218973672406697, 0.00709759969229724, 0.021005033067033, -0.0051258493549734,
              0.174380077461693, -0.149254228106719}},
      Golden{"self_distillation",
             0.53458347943083,
             {-0.0601162996870271, 0.0490410261579852, 0.0110752735290419, 0.0456486990801422,
              0.028566158022104, -0.0742148571022462},
             label_alone});
  INFO(golden.loss);
  Settings settings = settings_with(golden.loss, {0.3, 1.0}, 2);
  settings.temperature = 2.0;
  settings.distil_share = 0.25;
  const std::vector<at::Tensor> logits{
      at::tensor({1.0, 0.5, -1.0, 0.2, 0.0, 0.4}, at::kDouble).view({2, 3}).requires_grad_(),
      at::tensor({2.0, 0.0, -1.0, -0.5, 0.3, 1.0}, at::kDouble).view({2, 3}).requires_grad_()};
  const at::Tensor loss = total_loss(plan_step(0, ten_epochs, settings), logits,
                                     at::tensor({0, 2}, at::kLong), settings);
  loss.backward();
  CHECK(loss.item<double>() == Approx(golden.value).epsilon(1e-13));
  const auto distance = [](const at::Tensor& found, const std::vector<double>& expected) {
    return (found.flatten() - at::tensor(expected, at::kDouble)).abs().max().item<double>();
  };
  CHECK(distance(logits[0].grad(), golden.early) < 1e-13);
  CHECK(distance(logits[1].grad(), golden.last) < 1e-13);
}

TEST_CASE("class weights multiply the cross-entropy of their jets, and nothing is divided out") {
  const at::Tensor labels = at::tensor({0, 2, 2}, at::kLong);
  const std::vector<at::Tensor> logits{
      at::tensor({2.0, 0.0, -1.0, -0.5, 0.3, 1.0, 0.0, 0.0, 0.0}, at::kDouble).view({3, 3})};
  Settings settings = settings_with("joint", {1.0}, 3);
  settings.class_weights = {2.0, 7.0, 0.5};
  const double found =
      total_loss(plan_step(0, ten_epochs, settings), logits, labels, settings).item<double>();
  // -ln softmax of the labels: 0.169846, 0.552640 and ln 3.
  const double first = std::log(1.0 + std::exp(-2.0) + std::exp(-3.0));
  const double second = std::log(1.0 + std::exp(-1.5) + std::exp(-0.7));
  CHECK(found == Approx((2.0 * first + 0.5 * second + 0.5 * std::log(3.0)) / 3.0).epsilon(1e-13));
}

TEST_CASE("every loss of the table says which gradients reach the trunk") {
  for (const auto& [name, detached] :
       {std::pair{"joint", false}, std::pair{"separate", true}, std::pair{"mimic_detached", true},
        std::pair{"mimic_flow", false}, std::pair{"target_detached", true},
        std::pair{"target_flow", false}, std::pair{"self_distillation", false}}) {
    INFO(name);
    CHECK(plan_step(0, ten_epochs, settings_with(name, {0.5, 1.0}, 4)).detach_heads == detached);
  }
  CHECK(plan_step(0, ten_epochs, settings_with("equilibrium", {0.5, 1.0}, 4)).equilibrium);
}

TEST_CASE("mixed and alternating losses leave early exits out at their steps") {
  Settings settings = settings_with("mixed", {0.25, 0.5, 1.0}, 4);
  settings.trunk_share = 0.3;
  const std::vector<double> all = settings.exit_weights;
  const std::vector<double> final_alone{0.0, 0.0, 1.0};
  CHECK(plan_step(29, ten_epochs, settings).weights == final_alone);
  CHECK(plan_step(30, ten_epochs, settings).weights == all);
  settings.loss = "alternating";
  CHECK(plan_step(30, ten_epochs, settings).weights == final_alone);
  CHECK(plan_step(31, ten_epochs, settings).weights == all);
}

TEST_CASE("weights of early exits rise as PHAZE-EE's do") {
  const auto factors = [](const Settings& settings) {
    std::vector<double> all;
    for (std::int64_t epoch = 0; epoch < 12; ++epoch) {
      all.push_back(exit_ramp(epoch, settings));
    }
    return all;
  };
  Settings settings;
  settings.exit_ramp = "linear";
  settings.exit_zero_epochs = 6;
  // Its defaults for 12 epochs: zero too in the epoch where the ramp begins.
  CHECK(factors(settings) == std::vector<double>{0, 0, 0, 0, 0, 0, 0, 0.5, 1, 1, 1, 1});
  settings.exit_ramp = "switch";
  settings.exit_switch_end = 9;
  CHECK(factors(settings) == std::vector<double>{0, 0, 0, 0, 0, 0, 1, 1, 1, 0, 0, 0});
  settings.exit_ramp = "cosine";
  settings.exit_ramp_end = 10;
  CHECK(exit_ramp(7, settings) == Approx(0.5 * (1.0 - std::sqrt(0.5))));
  CHECK(exit_ramp(8, settings) == Approx(0.5));
  CHECK(exit_ramp(10, settings) == Approx(1.0));
}

TEST_CASE("a scaled gradient changes nothing but the gradient") {
  const at::Tensor x = at::tensor({1.0, -2.0}, at::kDouble).view({2, 1}).requires_grad_();
  model::State state{nn::Ragged({0, 1, 2})};
  state.set("x", model::Axis::sample, x * 3.0);
  const model::State scaled = scale_gradient(state, 0.25);
  CHECK(at::equal(scaled.get("x"), x * 3.0));
  scaled.get("x").square().sum().backward();
  CHECK(at::allclose(x.grad(), 0.25 * 18.0 * x));
  CHECK(!scale_gradient(state, 0.0).get("x").requires_grad());
}

}  // namespace
}  // namespace eebench::train
