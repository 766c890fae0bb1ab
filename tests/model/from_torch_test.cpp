#include "eebench/model/sequential/from_torch.hpp"

#include <ATen/ATen.h>
#include <catch2/catch.hpp>
#include <torch/nn/modules/activation.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/dropout.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/pooling.h>

#include "tests/model/golden.hpp"

namespace eebench::model {
namespace {

using torch::nn::Sequential;

Sequential network_of_torch() {
  using torch::nn::Conv2dOptions;
  return Sequential(torch::nn::Conv2d(Conv2dOptions(2, 6, 3).padding(1).bias(false)),
                    torch::nn::BatchNorm2d(6), torch::nn::LeakyReLU(), torch::nn::MaxPool2d(2),
                    torch::nn::Conv2d(Conv2dOptions(6, 8, 2).stride(2)), torch::nn::GELU(),
                    torch::nn::AvgPool2d(2), torch::nn::AdaptiveAvgPool2d(1), torch::nn::Flatten(),
                    torch::nn::Linear(8, 5), torch::nn::BatchNorm1d(5), torch::nn::ReLU(),
                    torch::nn::Dropout(0.0), torch::nn::Linear(5, 4));
}

const std::vector<LayerConfig> head{{FlattenConfig{}}, {LinearConfig{4}}};

TEST_CASE("a network of torch is cut and answers as before") {
  at::manual_seed(5);
  Sequential layers = network_of_torch();
  const at::Tensor images = at::randn({7, 2, 16, 12}, at::kDouble);
  layers->forward(images.to(at::kFloat));  // moves the statistics of its norms
  const auto network = from_torch(layers, {2, 16, 12}, {4, 7}, head);
  layers->to(at::kDouble);
  network->to(at::kDouble);
  State batch{nn::Ragged::equal(7, 1)};
  batch.set("features", Axis::particle, images.flatten(1));
  CHECK(network->exits() == 3);
  CHECK(network->classes() == 4);
  const bool training = GENERATE(true, false);
  layers->train(training);
  network->train(training);
  const at::Tensor logits = test::all_exits(*network, batch, {.training = training}).back();
  CHECK(test::largest_difference(logits, layers->forward(images)) < 1e-12);
}

TEST_CASE("layers of torch without a counterpart are named") {
  const auto hand_over = [](Sequential layers) {
    return from_torch(std::move(layers), {2, 8, 8}, {}, {});
  };
  CHECK_THROWS_WITH(
      hand_over(Sequential(torch::nn::ReLU(), torch::nn::Tanh(), torch::nn::Linear(8, 2))),
      Catch::Contains("layer 1 of the network handed over is a torch::nn::TanhImpl"));
  CHECK_THROWS_WITH(
      hand_over(Sequential(torch::nn::Conv2d(torch::nn::Conv2dOptions(2, 4, 3).groups(2)))),
      Catch::Contains("layer 0 of the network handed over is a torch::nn::Conv2dImpl"));
  CHECK_THROWS_WITH(hand_over(Sequential(torch::nn::Flatten(), torch::nn::ReLU())),
                    Catch::Contains("must end with a Linear layer"));
}

}  // namespace
}  // namespace eebench::model
