#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include <ATen/core/Tensor.h>

namespace eebench::nn {

/// Jets of one multiplicity, and the rows of packed tensors that are theirs.
struct EqualJets {
  std::int64_t multiplicity = 0;
  std::vector<std::int64_t> members;  ///< positions of the jets in the batch
  at::Tensor jet_rows;                ///< the same, int64 [jets]
  at::Tensor particle_rows;           ///< int64 [jets * n]
  at::Tensor pair_rows;               ///< int64 [jets * n * n]
};

/// Which rows of packed tensors belong to which jet. Offsets live on the host: they decide shapes
/// and loops.
class Ragged {
 public:
  Ragged() = default;
  explicit Ragged(std::vector<std::int64_t> offsets);
  /// Jets of n rows each.
  static Ragged equal(std::int64_t jets, std::int64_t n);

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

  /// int64 [B].
  at::Tensor multiplicities(at::Device device) const;
  /// The jets grouped by multiplicity, so that dense products need no padding; their row numbers
  /// are on the device. Made once for a device.
  const std::vector<EqualJets>& groups(at::Device device) const;

  /// The given jets, in that order.
  Ragged select(std::span<const std::int64_t> jets) const;
  /// Jets [first, last).
  Ragged range(std::int64_t first, std::int64_t last) const;

 private:
  std::vector<std::int64_t> offsets_{0};
  std::vector<std::int64_t> pair_offsets_{0};
  mutable std::shared_ptr<const std::vector<EqualJets>> groups_;
};

/// Pairs of n particles without regard to order, each with itself included.
constexpr std::int64_t unordered_pairs(std::int64_t n) { return n * (n + 1) / 2; }

/// The inverse of taking `rows`, one list a group: what was made of them, back in batch order.
at::Tensor in_batch_order(const std::vector<at::Tensor>& parts,
                          const std::vector<at::Tensor>& rows);

/// Where the rows of jets with these row offsets belong: int64 [rows] on the device.
struct RowPlaces {
  at::Tensor jet;
  at::Tensor within;  ///< number of the row within its jet
};
RowPlaces row_places(std::span<const std::int64_t> row_offsets, at::Device device);
/// One number a jet, each for all rows of its jet.
at::Tensor spread(std::span<const std::int64_t> of_jets, const RowPlaces& places);

/// Row numbers of the given jets in a packed tensor with these row offsets: int64 on the device.
at::Tensor rows_of(std::span<const std::int64_t> row_offsets, std::span<const std::int64_t> jets,
                   at::Device device);

/// Cuts between runs of consecutive jets of about `rows` rows each: jet numbers, from 0 to the
/// number of jets.
std::vector<std::int64_t> cuts(std::span<const std::int64_t> row_offsets, std::int64_t rows);

}  // namespace eebench::nn
