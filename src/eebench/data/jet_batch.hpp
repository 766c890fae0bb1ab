#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace eebench::data {

/// A ragged batch of B jets in compressed-row form: the particles of jet j are the rows
/// offsets[j] .. offsets[j+1] of the packed arrays, in falling pT. Nothing is padded.
struct JetBatch {
  std::vector<std::int64_t> offsets{0};  ///< [B+1]
  std::size_t features_per_particle = 0;
  std::vector<float> features;       ///< [sum n, F] standardised network inputs
  std::vector<float> points;         ///< [sum n, 2] deta, dphi relative to the jet axis
  std::vector<float> vectors;        ///< [sum n, 4] px, py, pz, E in GeV
  std::vector<std::int64_t> labels;  ///< [B] class index
  std::vector<std::int64_t> index;   ///< [B] position of the jet in its data set

  std::size_t size() const { return labels.size(); }
  std::size_t multiplicity(std::size_t jet) const {
    return static_cast<std::size_t>(offsets[jet + 1] - offsets[jet]);
  }
};

/// GeV, of the summed constituents of a jet.
inline float transverse_momentum(const JetBatch& batch, std::size_t jet) {
  double x = 0.0;
  double y = 0.0;
  const auto begin = static_cast<std::size_t>(batch.offsets[jet]);
  const auto end = static_cast<std::size_t>(batch.offsets[jet + 1]);
  for (std::size_t particle = begin; particle < end; ++particle) {
    x += batch.vectors[4 * particle];
    y += batch.vectors[4 * particle + 1];
  }
  return static_cast<float>(std::hypot(x, y));
}

}  // namespace eebench::data
