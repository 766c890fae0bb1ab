#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "eebench/data/data_config.hpp"
#include "eebench/data/jet_file.hpp"

namespace eebench::data {

/// How often weaver-core 0.5 draws each of these jets of the file, up to a common factor: the
/// weight of the bin in which it lies in its class, or the product it has already. Throws
/// InputError where nothing fits the bins.
std::vector<float> jet_weights(const JetFile& file, const DataConfig& config,
                               std::span<const std::int64_t> jets);

/// The jets of an epoch of training where they are drawn by weights.
///
/// weaver keeps a jet with probability w, 1 at most, and where few would be left tries each jet r
/// times, 10 at most. Here an epoch has as many jets as that leaves on average, r sum w, and a jet
/// stands in it r w times on average, rounded down or up. Which jet stands where follows from seed,
/// epoch and place alone, so that ranks and resumed runs see the same.
class Draws {
 public:
  /// Throws InputError where the weights leave no jet.
  explicit Draws(std::span<const float> weights);

  std::int64_t per_epoch() const { return per_epoch_; }
  std::int64_t most() const { return most_; }  ///< r
  /// Which of the jets stands at this place, from 0, of the epoch. Rises with the place.
  std::int64_t jet(std::uint64_t seed, std::int64_t epoch, std::int64_t place) const;

 private:
  std::vector<double> up_to_;  ///< draws of each jet and all before it, on average
  std::int64_t per_epoch_ = 0;
  std::int64_t most_ = 1;
};

}  // namespace eebench::data
