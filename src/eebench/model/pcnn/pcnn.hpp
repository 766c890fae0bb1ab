#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "eebench/model/network.hpp"

namespace eebench::model {

struct ModelConfig;

/// P-CNN (CMS, arXiv:2004.08262; JetClass configuration of arXiv:2202.03772): a one-dimensional
/// ResNet along the particles in their order. With exits.
///
/// It is defined on 128 positions, zeros behind the particles, and its BatchNorms and its mean run
/// over all of them: every jet is computed at full length, so its multiply-adds do not depend on
/// the number of particles.
struct PcnnConfig {
  static constexpr std::int64_t positions = 128;
  std::int64_t features = 17;
  std::int64_t classes = 10;
  std::int64_t first = 32;  ///< channels of the first convolution
  /// Channels of the units of each stage; every stage but the first halves the positions.
  std::vector<std::vector<std::int64_t>> stages = {{64, 64}, {64, 64}, {128, 128}};
  std::int64_t fc = 512;
  double dropout = 0.2;
  /// Units after which an early exit stands, 1-based, increasing, all below their number.
  std::vector<std::int64_t> exits_after;
  std::int64_t exit_width = 128;  ///< hidden layer of early heads
};

/// Throws InputError for settings that do not fit together.
std::unique_ptr<Network> make_pcnn(const PcnnConfig& config);
/// From [network] and [exits] of a model configuration.
std::unique_ptr<Network> pcnn_from(const ModelConfig& config, std::int64_t features,
                                   std::int64_t classes);

}  // namespace eebench::model
