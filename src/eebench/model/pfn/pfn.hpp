#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "eebench/model/network.hpp"

namespace eebench::model {

struct ModelConfig;

/// Particle Flow Network (Komiske, Metodiev, Thaler, arXiv:1810.05165) as the JetClass comparison
/// configures it: layers on each particle, sum over particles, layers on the jet. With exits.
struct PfnConfig {
  std::int64_t features = 17;
  std::int64_t classes = 10;
  std::vector<std::int64_t> phi = {128, 128, 128};  ///< layers on particles
  std::vector<std::int64_t> f = {128, 128, 128};    ///< layers on jets
  /// Layers of phi after which an early exit stands, 1-based, increasing, all below their number.
  std::vector<std::int64_t> exits_after;
  std::int64_t exit_width = 128;  ///< hidden layer of early heads
};

/// Throws InputError for settings that do not fit together.
std::unique_ptr<Network> make_pfn(const PfnConfig& config);
/// From [network] and [exits] of a model configuration.
std::unique_ptr<Network> pfn_from(const ModelConfig& config, std::int64_t features,
                                  std::int64_t classes);

}  // namespace eebench::model
