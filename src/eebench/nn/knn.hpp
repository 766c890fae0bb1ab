#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

#include "eebench/nn/context.hpp"
#include "eebench/nn/ragged.hpp"

namespace eebench::nn {

/// The k nearest other particles of each particle within its jet, nearest first, by Euclidean
/// distance of x [sum n, C] in the expanded form |a|^2 - 2 ab + |b|^2 (the reference's, so that
/// near ties fall alike; |a|^2 is the product of a with itself). The nearest of all, normally the
/// particle itself, is dropped unseen, as the reference does. Returns int64 [sum n, k] rows of x;
/// where a jet has too few particles the row is sum n, one past the last: the reference's padded
/// neighbour, whose features are zero.
at::Tensor nearest_neighbours(const at::Tensor& x, const Ragged& jets, std::int64_t k,
                              const Context& context);

/// The same in ATen operations, for any device. Counts nothing; equal distances fall anyhow.
at::Tensor nearest_neighbours_composite(const at::Tensor& x, const Ragged& jets, std::int64_t k);

/// The k nearest particles of each particle within its jet, nearest first and itself among them, by
/// deta^2 + dphi^2 of points [sum n, 2], dphi to the nearest turn. Returns int64 [sum n, k] places
/// within the jet; -1 where a jet has fewer than k particles.
at::Tensor nearest_in_plane(const at::Tensor& points, const Ragged& jets, std::int64_t k);

/// The same in ATen operations, for any device. Counts nothing; equal distances fall anyhow.
at::Tensor nearest_in_plane_composite(const at::Tensor& points, const Ragged& jets, std::int64_t k);

/// FLOPs charged for selecting neighbours, per distance, and for a distance in the plane.
inline constexpr std::int64_t selection_flops = 4;
inline constexpr std::int64_t plane_distance_flops = 8;

}  // namespace eebench::nn
