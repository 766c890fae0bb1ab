#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

#include "eebench/nn/ragged.hpp"

namespace eebench::nn {

inline constexpr std::int64_t pair_feature_count = 4;

/// Row numbers of particles i and j <= i for the unordered pairs of each jet, jets first .. last:
/// two int64 tensors [T], T = sum n(n+1)/2, self-pairs included, i slowest.
struct PairRows {
  at::Tensor i;
  at::Tensor j;
};
PairRows pair_rows(const Ragged& jets, std::int64_t first, std::int64_t last, at::Device device);

/// ln kT, ln z, ln Delta, ln m^2 of pairs of particles (Dreyer, Qu, arXiv:2012.08526; the ParT
/// paper, arXiv:2202.03772, eq. 3), each logarithm's argument at least 1e-8. vectors [sum n, 4] are
/// (px, py, pz, E) in GeV. Returns [T, 4].
at::Tensor pair_features(const at::Tensor& vectors, const PairRows& pairs);

/// The same for all unordered pairs of jets first .. last, as pair_rows() orders them.
at::Tensor pair_features(const at::Tensor& vectors, const Ragged& jets, std::int64_t first,
                         std::int64_t last);

/// [T, H] on unordered pairs to what attention adds: [sum n^2, H] holding [H, n, n] a jet.
at::Tensor mirror_pairs(const at::Tensor& lower, const Ragged& jets, std::int64_t first,
                        std::int64_t last);

}  // namespace eebench::nn
