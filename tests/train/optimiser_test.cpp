#include "eebench/train/optimiser.hpp"

#include <string>
#include <utility>
#include <vector>

#include <ATen/ATen.h>
#include <catch2/catch.hpp>

#include "eebench/core/names.hpp"
#include "tests/train/parameters.hpp"

namespace eebench::train {
namespace {

void close(const at::Tensor& values, const std::vector<double>& expected, double tolerance) {
  const at::Tensor wanted = at::tensor(expected, at::kDouble);
  CHECK((values.detach().flatten().to(at::kDouble) - wanted).abs().max().item<double>() <
        tolerance);
}

std::unique_ptr<Optimiser> make(const std::string& name, FlatParameters& flat) {
  return entry_of(optimiser_registry(), "optimiser", name).make(flat.values());
}

TEST_CASE("optimisers give PyTorch's numbers and spare biases and tokens from decay") {
  struct Golden {
    std::string name;
    int steps;
    std::vector<double> weight;
    std::vector<double> bias;
  };
  // torch.optim 2.13.0 in float64, lr 0.01, weight_decay 0.1 for the matrix and 0 for the bias;
  // RAdam with decoupled_weight_decay, SGD with momentum 0.9.
  const Golden golden =
      GENERATE(Golden{"adamw",
                      5,
                      {0.945160887871403, -1.9401468335336, 0.447708543097234, 2.93514913218969},
                      {0.950046160204252, -1.95002236227045}},
               Golden{"adam",
                      7,
                      {0.930123358382882, -1.93005953034557, 0.430264872186186, 2.93003922078519},
                      {0.930123357975198, -1.93005953014288}},
               Golden{"radam",
                      7,
                      {0.943231299126088, -1.88704559406906, 0.471324155142387, 2.83085989056126},
                      {0.854260375773949, -1.7090992349105}},
               Golden{"sgd",
                      7,
                      {0.75873794545351, -1.51747589090702, 0.379368972726755, 2.27621383636053},
                      {0.39680777767273, -0.79361555534546}});
  INFO(golden.name);
  test::Parameters network;
  FlatParameters flat(network, {});
  const auto optimiser = make(golden.name, flat);
  for (int step = 1; step <= golden.steps; ++step) {
    // The gradients of |weight|^2 / 2, 3 |bias|^2 / 2 and |token|^2 / 2: views of the flat buffer.
    network.weight.mutable_grad().copy_(network.weight.detach());
    network.bias.mutable_grad().copy_(3.0 * network.bias.detach());
    network.token.mutable_grad().copy_(3.0 * network.token.detach());
    optimiser->update(flat, step, 0.01, 0.1);
  }
  close(network.weight, golden.weight, 1e-12);
  close(network.bias, golden.bias, 1e-12);
  close(network.token, golden.bias, 1e-12);
}

TEST_CASE("Ranger gives the numbers of weaver-core's") {
  test::Parameters network;
  network.to(at::kFloat);
  FlatParameters flat(network, {});
  const auto optimiser = make("ranger", flat);
  // weaver-core's Ranger in float32, lr 0.01, from (1, -2) with the gradient (p0, 3 p1).
  const std::vector<std::pair<int, std::vector<double>>> golden{
      {1, {0.9900000, -1.9399999}}, {2, {0.9800513, -1.8809230}}, {5, {0.9505196, -1.7092851}},
      {6, {0.9751309, -1.8545142}}, {7, {0.9748040, -1.8541886}}, {12, {0.9737533, -1.8531399}}};
  auto expected = golden.begin();
  for (int step = 1; step <= 12; ++step) {
    network.bias.mutable_grad().copy_(network.bias.detach() * at::tensor({1.0F, 3.0F}));
    optimiser->update(flat, step, 0.01, 0.0);
    if (step == expected->first) {
      close(network.bias, expected->second, 5e-7);
      ++expected;
    }
  }
  CHECK(expected == golden.end());
}

TEST_CASE("a factor on the learning rate trains its parameters as that learning rate would") {
  for (const OptimiserEntry& entry : optimiser_registry()) {
    INFO(entry.name);
    const auto after_steps = [&](double lr, const Settings& settings) {
      test::Parameters network;
      FlatParameters flat(network, settings);
      const auto optimiser = entry.make(flat.values());
      for (int step = 1; step <= 8; ++step) {
        flat.gradients().copy_(flat.values());
        optimiser->update(flat, step, lr, 0.1);
      }
      return std::pair{network.weight.detach().clone(), network.bias.detach().clone()};
    };
    const auto [weight, bias] = after_steps(0.05, {.lr_factors = {{"weight", 0.1}}});
    CHECK(at::allclose(weight, after_steps(0.005, {}).first, 0.0, 1e-15));
    CHECK(at::equal(bias, after_steps(0.05, {}).second));
  }
}

TEST_CASE("an optimiser whose memory is copied goes on as the one it came from") {
  for (const OptimiserEntry& entry : optimiser_registry()) {
    INFO(entry.name);
    const auto step = [](Optimiser& optimiser, test::Parameters& network, FlatParameters& flat,
                         int number) {
      flat.gradients().copy_(flat.values());
      optimiser.update(flat, number, 0.05, 0.1);
      return network.weight.detach().clone();
    };
    test::Parameters first;
    FlatParameters first_flat(first, {});
    const auto optimiser = entry.make(first_flat.values());
    for (int s = 1; s <= 8; ++s) {
      step(*optimiser, first, first_flat, s);
    }
    test::Parameters second;
    FlatParameters second_flat(second, {});
    const auto copy = entry.make(second_flat.values());
    second_flat.values().copy_(first_flat.values());
    const auto memory = optimiser->memory();
    const auto own = copy->memory();
    REQUIRE(own.size() == memory.size());
    for (std::size_t i = 0; i < own.size(); ++i) {
      CHECK(own[i].first == memory[i].first);
      at::Tensor target = own[i].second;
      target.copy_(memory[i].second);
    }
    for (int s = 9; s <= 15; ++s) {
      CHECK(at::equal(step(*optimiser, first, first_flat, s), step(*copy, second, second_flat, s)));
    }
  }
}

}  // namespace
}  // namespace eebench::train
