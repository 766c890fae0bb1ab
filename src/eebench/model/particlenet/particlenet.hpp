#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "eebench/model/network.hpp"

namespace eebench::model {

struct ModelConfig;

/// ParticleNet (Qu, Gouskos, arXiv:1902.08570), JetClass configuration, with exits.
struct ParticleNetConfig {
  std::int64_t features = 17;
  std::int64_t classes = 10;
  std::int64_t k = 16;
  std::vector<std::vector<std::int64_t>> blocks = {{64, 64, 64}, {128, 128, 128}, {256, 256, 256}};
  std::int64_t fc = 256;
  double dropout = 0.1;
  /// Blocks after which an early exit stands, 1-based, increasing, all below the number of blocks.
  std::vector<std::int64_t> exits_after;
  /// Early heads: linear layers of these widths on the particles, which see the outputs of all
  /// blocks so far; mean and maximum over particles; one hidden layer.
  std::vector<std::int64_t> exit_particle_widths = {128, 128};
  std::int64_t exit_width = 128;
};

/// Throws InputError for settings that do not fit together.
std::unique_ptr<Network> make_particlenet(const ParticleNetConfig& config);
/// From [network] and [exits] of a model configuration.
std::unique_ptr<Network> particlenet_from(const ModelConfig& config, std::int64_t features,
                                          std::int64_t classes);

}  // namespace eebench::model
