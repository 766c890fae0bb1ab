#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "eebench/model/network.hpp"
#include "eebench/model/sequential/layers.hpp"

namespace eebench::model {

struct ModelConfig;

/// Any network of layers one after another, on samples of one row of features, such as images. Cut
/// behind some of its layers and given exits there, whose heads are layers too. Parameters are
/// "features.<layer>.*" and "classifier.<layer>.*", as torchvision calls them.
struct SequentialConfig {
  std::int64_t features = 3072;  ///< numbers of a sample: the product of `input`
  std::int64_t classes = 10;
  std::vector<std::int64_t> input = {3, 32, 32};  ///< [channels, height, width], or [features]
  std::vector<LayerConfig> layers;
  std::vector<LayerConfig> classifier;  ///< the last head; ends with a linear layer, as all heads
  /// Layers after which an early exit stands, counted from 1, increasing, all below their number.
  std::vector<std::int64_t> exits_after;
  std::vector<LayerConfig> head;  ///< of each early exit
};

/// Throws InputError for layers that do not fit together.
std::unique_ptr<Network> make_sequential(const SequentialConfig& config);
/// From [network] and [exits] of a model configuration.
std::unique_ptr<Network> sequential_from(const ModelConfig& config, std::int64_t features,
                                         std::int64_t classes);

}  // namespace eebench::model
