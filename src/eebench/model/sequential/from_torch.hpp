#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include <torch/nn/modules/container/sequential.h>

#include "eebench/model/network.hpp"
#include "eebench/model/sequential/layers.hpp"

namespace eebench::model {

/// A network of torch with its weights, cut behind some of its layers and given exits there; its
/// last layer, a linear one, is the last head. `input`, `exits_after` and `head` as in
/// SequentialConfig; early heads are drawn. Throws InputError for a layer that has no counterpart.
std::unique_ptr<Network> from_torch(torch::nn::Sequential layers,
                                    const std::vector<std::int64_t>& input,
                                    const std::vector<std::int64_t>& exits_after,
                                    const std::vector<LayerConfig>& head);

}  // namespace eebench::model
