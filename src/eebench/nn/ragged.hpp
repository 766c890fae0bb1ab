#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>
#include <vector>

namespace eebench::nn {

/// Which rows of packed tensors belong to which jet. offsets[B+1] lives on the host: it decides
/// shapes and loops; `device_offsets()` copies it where a kernel wants it.
class Ragged {
 public:
  Ragged() = default;
  explicit Ragged(std::vector<std::int64_t> offsets);

  std::int64_t jets() const { return static_cast<std::int64_t>(offsets_.size()) - 1; }
  std::int64_t particles() const { return offsets_.back(); }
  std::int64_t pairs() const { return pair_offsets_.back(); }
  std::int64_t multiplicity(std::int64_t jet) const {
    const auto j = static_cast<std::size_t>(jet);
    return offsets_[j + 1] - offsets_[j];
  }
  std::span<const std::int64_t> offsets() const { return offsets_; }
  /// [B+1] cumulative n*n.
  std::span<const std::int64_t> pair_offsets() const { return pair_offsets_; }

  /// int64 [sum n]: the jet of each particle.
  at::Tensor jet_of_particle(at::Device device) const;
  /// int64 [B]: multiplicities.
  at::Tensor multiplicities(at::Device device) const;

  Ragged select(std::span<const std::int64_t> jets) const;

 private:
  std::vector<std::int64_t> offsets_{0};
  std::vector<std::int64_t> pair_offsets_{0};
};

}  // namespace eebench::nn
