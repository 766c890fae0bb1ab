#pragma once

#include <memory>

#include "eebench/bench/suite.hpp"
#include "eebench/data/data_config.hpp"
#include "eebench/model/network.hpp"
#include "eebench/model/registry.hpp"
#include "eebench/model/weights.hpp"

namespace eebench::cli {

/// A network with its configuration, in evaluation mode.
struct LoadedNetwork {
  model::ModelConfig config;
  data::DataConfig features;
  model::Weights weights;  ///< as they were read; empty where parameters were drawn
  std::unique_ptr<model::Network> network;
};

/// The network that a suite or a command line names. Without a configuration: the one stored with
/// the weights. Without weights: as draw_network. Weights that have no early heads give the network
/// without them: one exit. Throws InputError.
LoadedNetwork load_network(const bench::ModelEntry& entry);

/// A network of which these segments alone have their parameters, those of a file that
/// `eebench deploy --save` wrote. Throws InputError.
LoadedNetwork load_piece(const bench::ModelEntry& entry, const model::Segments& segments);

/// The inputs of that name, those of configs/data, or of a weaver data configuration (.yaml, .yml),
/// seen from the working directory. Weights keep the name or path, not the content. Throws
/// InputError that lists what exists, or names the file that is not there.
data::DataConfig load_features(const std::string& name);

/// The same where inputs are automatic: with the numbers that a training has left beside it, if
/// any.
data::DataConfig load_trained_features(const std::string& name);

/// With parameters drawn from a fixed seed.
LoadedNetwork draw_network(const model::ModelConfig& config);

}  // namespace eebench::cli
