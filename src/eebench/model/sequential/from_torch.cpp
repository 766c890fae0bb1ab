#include "eebench/model/sequential/from_torch.hpp"

#include <functional>
#include <numeric>
#include <string>
#include <utility>

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <torch/nn/modules/activation.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/dropout.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/pooling.h>

#include "eebench/core/error.hpp"
#include "eebench/model/sequential/sequential.hpp"
#include "eebench/nn/norm.hpp"

namespace eebench::model {
namespace {

using Pair = torch::ExpandingArray<2>;

struct Unlike {};  ///< thrown for options that have no counterpart

void require(bool like) {
  if (!like) {
    throw Unlike{};
  }
}

std::int64_t square(const Pair& sides) {
  require(sides->at(0) == sides->at(1));
  return sides->at(0);
}

LayerConfig conv_of(const torch::nn::Conv2dImpl& conv) {
  const auto& options = conv.options;
  const auto* padding = std::get_if<Pair>(&options.padding());
  require(padding != nullptr && options.groups() == 1 && square(options.dilation()) == 1 &&
          std::holds_alternative<torch::enumtype::kZeros>(options.padding_mode()));
  return {ConvConfig{.out = options.out_channels(),
                     .kernel = square(options.kernel_size()),
                     .stride = square(options.stride()),
                     .padding = square(*padding),
                     .bias = options.bias()}};
}

template <class Norm>
LayerConfig norm_of(const Norm& norm) {
  constexpr double momentum = 0.1;  // of nn::BatchNorm
  const auto& options = norm.options;
  require(options.eps() == nn::norm_eps && options.momentum() == momentum && options.affine() &&
          options.track_running_stats());
  return {NormConfig{}};
}

template <class Pool>
LayerConfig windows_of(const Pool& pool, bool maximum) {
  const auto& options = pool.options;
  require(square(options.stride()) == square(options.kernel_size()) &&
          square(options.padding()) == 0 && !options.ceil_mode());
  return {PoolConfig{.maximum = maximum, .size = square(options.kernel_size())}};
}

LayerConfig whole_of(const torch::nn::AdaptiveAvgPool2dImpl& pool) {
  for (const auto& side : *pool.options.output_size()) {
    require(side == 1);
  }
  return {PoolConfig{.maximum = false}};
}

LayerConfig config_of(const torch::nn::Module& layer) {
  if (const auto* conv = layer.as<torch::nn::Conv2dImpl>()) {
    return conv_of(*conv);
  }
  if (const auto* linear = layer.as<torch::nn::LinearImpl>()) {
    return {LinearConfig{.out = linear->options.out_features(), .bias = linear->options.bias()}};
  }
  if (const auto* norm = layer.as<torch::nn::BatchNorm2dImpl>()) {
    return norm_of(*norm);
  }
  if (const auto* norm = layer.as<torch::nn::BatchNorm1dImpl>()) {
    return norm_of(*norm);
  }
  if (layer.as<torch::nn::ReLUImpl>() != nullptr) {
    return {ActivationConfig{nn::Activation::relu}};
  }
  if (const auto* relu = layer.as<torch::nn::LeakyReLUImpl>()) {
    require(relu->options.negative_slope() == nn::leaky_slope);
    return {ActivationConfig{nn::Activation::leaky_relu}};
  }
  if (const auto* gelu = layer.as<torch::nn::GELUImpl>()) {
    require(gelu->options.approximate() == "none");
    return {ActivationConfig{nn::Activation::gelu}};
  }
  if (const auto* pool = layer.as<torch::nn::MaxPool2dImpl>()) {
    require(square(pool->options.dilation()) == 1);
    return windows_of(*pool, true);
  }
  if (const auto* pool = layer.as<torch::nn::AvgPool2dImpl>()) {
    require(!pool->options.divisor_override().has_value());
    return windows_of(*pool, false);
  }
  if (const auto* pool = layer.as<torch::nn::AdaptiveAvgPool2dImpl>()) {
    return whole_of(*pool);
  }
  if (const auto* flatten = layer.as<torch::nn::FlattenImpl>()) {
    require(flatten->options.start_dim() == 1 && flatten->options.end_dim() == -1);
    return {FlattenConfig{}};
  }
  if (const auto* dropout = layer.as<torch::nn::DropoutImpl>()) {
    return {DropoutConfig{dropout->options.p()}};
  }
  throw Unlike{};
}

}  // namespace

std::unique_ptr<Network> from_torch(torch::nn::Sequential layers,
                                    const std::vector<std::int64_t>& input,
                                    const std::vector<std::int64_t>& exits_after,
                                    const std::vector<LayerConfig>& head) {
  SequentialConfig config{
      .features = std::accumulate(input.begin(), input.end(), std::int64_t{1}, std::multiplies<>()),
      .input = input,
      .exits_after = exits_after,
      .head = head};
  const std::vector<std::shared_ptr<torch::nn::Module>> modules = layers->children();
  for (const auto& layer : modules) {
    try {
      config.layers.push_back(config_of(*layer));
    } catch (const Unlike&) {
      throw InputError(fmt::format(
          "layer {} of the network handed over is a {} that has no counterpart; there are Conv2d, "
          "Linear, BatchNorm1d and 2d, ReLU, LeakyReLU, GELU, MaxPool2d, AvgPool2d, "
          "AdaptiveAvgPool2d to one pixel, Flatten and Dropout, square, without dilation or groups",
          config.layers.size(), layer->name()));
    }
  }
  const auto* last =
      modules.empty() ? nullptr : std::get_if<LinearConfig>(&config.layers.back().of);
  if (last == nullptr) {
    throw InputError("the network handed over must end with a Linear layer");
  }
  config.classes = last->out;
  config.classifier = {config.layers.back()};
  config.layers.pop_back();
  auto network = make_sequential(config);

  const at::NoGradGuard no_grad;
  for (std::size_t l = 0; l < modules.size(); ++l) {
    const std::string prefix =
        l + 1 == modules.size() ? "classifier.0." : fmt::format("features.{}.", l);
    const auto copy = [&](const auto& from, auto to) {
      for (const auto& item : from) {
        to[prefix + item.key()].copy_(item.value());
      }
    };
    copy(modules[l]->named_parameters(), network->named_parameters());
    copy(modules[l]->named_buffers(), network->named_buffers());
  }
  return network;
}

}  // namespace eebench::model
