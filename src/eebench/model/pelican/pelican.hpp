#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "eebench/model/network.hpp"
#include "eebench/model/registry.hpp"

namespace eebench::model {

/// How pairs of particles are summed up, by the letters of the reference: s the sum over the mean
/// multiplicity, m the mean, x the largest, n the smallest; capitals with a trained power of the
/// multiplicity over its mean.
struct PelicanSums {
  std::string config = "s";      ///< in layers from pairs to pairs
  std::string config_out = "s";  ///< from pairs to jets
  double nobj_avg = 49;          ///< mean multiplicity
};

/// PELICAN nano (Bogatskiy, Hoffman, Offermann, arXiv:2310.16121): one layer on the
/// Lorentz products of a jet's constituents, two classes.
struct PelicanNanoConfig {
  std::int64_t n_hidden = 2;
  std::int64_t nobj = 80;  ///< constituents that are kept, the hardest first; 0: all
  bool beams = true;       ///< two massless particles along the beams stand before the others
  PelicanSums sums;
  bool factorize = false;  ///< coefficients of the layer as sums of two products
  bool batchnorm = true;
  double dropout = 0.0;      ///< on pairs
  double dropout_out = 0.0;  ///< on the logit
};

/// PELICAN (Bogatskiy, Hoffman, Miller, Offermann, arXiv:2211.00454, arXiv:2307.16506), classifier.
struct PelicanConfig {
  std::int64_t classes = 2;
  std::int64_t nobj = 80;
  /// What of the Lorentz group remains: so13, so3, so12, se2, so2, so2_0, R, 1 or 11.
  std::string stabilizer = "so2";
  /// How the rest is broken: spurions adds fixed vectors to every jet, input adds products of
  /// components of the momenta to the Lorentz products.
  std::string method = "spurions";
  std::int64_t scalar_channels = 10;  ///< made of the labels of the spurions
  /// Channels of pairs before each block, and those that it sums over.
  std::vector<std::int64_t> m_channels = {60, 60, 60, 60, 60};
  std::vector<std::int64_t> channels_2to2 = {35, 35, 35, 35, 35};
  std::vector<std::int64_t> m_out = {60, 35};  ///< the same before the head and in it
  std::int64_t out = 60;                       ///< channels of the head's layer from pairs to jets
  PelicanSums sums = {.config = "M", .config_out = "M"};
  bool factorize = true;
  bool batchnorm = true;
  double dropout = 0.0;
  double dropout_out = 0.0;
  /// Blocks after which an early exit stands, 1-based, increasing, all below the number of blocks;
  /// its head has the layers of the final one.
  std::vector<std::int64_t> exits_after;
};

/// Throw InputError for settings that do not fit together.
std::unique_ptr<Network> make_pelican_nano(const PelicanNanoConfig& config);
std::unique_ptr<Network> make_pelican(const PelicanConfig& config);
/// From [network] and [exits] of a model configuration. They read vectors alone: `features` may be
/// any number.
std::unique_ptr<Network> pelican_nano_from(const ModelConfig& config, std::int64_t features,
                                           std::int64_t classes);
std::unique_ptr<Network> pelican_from(const ModelConfig& config, std::int64_t features,
                                      std::int64_t classes);

}  // namespace eebench::model
