#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "eebench/model/network.hpp"

namespace eebench::model {

struct ModelConfig;

/// ParticleNeXt (H. Qu, ML4Jets 2021; weaver-core's defaults), with exits.
struct ParticleNeXtConfig {
  std::int64_t features = 17;
  std::int64_t classes = 10;
  std::int64_t node = 32;                              ///< channels of particles before the layers
  std::int64_t edge = 8;                               ///< channels of edges
  std::int64_t message = 64;                           ///< channels of messages
  std::vector<std::int64_t> slices = {4, 8, 16, 32};   ///< neighbours of each scale, rising
  std::vector<std::int64_t> layers = {256, 256, 256};  ///< channels of particles behind each layer
  std::int64_t edge_maps = 8;                          ///< attention maps over neighbours
  std::int64_t jet_maps = 4;                           ///< and over the particles of a jet
  std::int64_t fc = 256;
  double dropout = 0.1;
  /// Layers after which an early exit stands, 1-based, increasing, all below their number.
  std::vector<std::int64_t> exits_after;
  /// Early heads: linear layers of these widths on the particles; mean and maximum over particles;
  /// one hidden layer.
  std::vector<std::int64_t> exit_particle_widths = {128};
  std::int64_t exit_width = 128;
};

/// Throws InputError for settings that do not fit together.
std::unique_ptr<Network> make_particlenext(const ParticleNeXtConfig& config);
/// From [network] and [exits] of a model configuration.
std::unique_ptr<Network> particlenext_from(const ModelConfig& config, std::int64_t features,
                                           std::int64_t classes);

}  // namespace eebench::model
