#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

#include "eebench/nn/activation.hpp"
#include "eebench/nn/context.hpp"
#include "eebench/nn/ragged.hpp"
#include "eebench/nn/work.hpp"

namespace eebench::nn {

/// Operations on the ordered pairs of the particles of each jet: tensors [sum n^2, C] whose row
/// pair_offsets()[jet] + i n + j is the pair (i, j). On CPUs every sum runs in index order within
/// its jet.

/// Lorentz products E_i E_j - px_i px_j - py_i py_j - pz_i pz_j of vectors [sum n, 4] = (px, py,
/// pz, E): [sum n^2, 1]. Not differentiable.
at::Tensor lorentz_products(const at::Tensor& vectors, const Ragged& jets);

/// Pairs x_ij reduced to particles, each [sum n, C].
struct PairReduction {
  at::Tensor rows;      ///< over j, at i
  at::Tensor columns;   ///< over i, at j
  at::Tensor diagonal;  ///< x_ii
};
/// Sums. Differentiable.
PairReduction pair_sums(const at::Tensor& x, const Ragged& jets);
/// The same of ATen operations on jets of equal multiplicity: what runs on GPUs.
PairReduction pair_sums_composite(const at::Tensor& x, const Ragged& jets);

/// The largest x_ij of rows, of columns, of the diagonal and of all; one a particle and one a jet.
struct PairMaxima {
  PairReduction particles;
  at::Tensor trace;  ///< [B, C]
  at::Tensor total;  ///< [B, C]
};
/// Differentiable.
PairMaxima pair_maxima(const at::Tensor& x, const Ragged& jets);

/// What pairs are put together of; rows, columns and diagonal are [sum n, C].
struct PairTerms {
  /// [sum n^2, C]; [sum n^2, 2C], whose second half is added to the pair (j, i); or undefined.
  at::Tensor pairs;
  at::Tensor rows;
  at::Tensor columns;
  at::Tensor diagonal;
};
/// activation(pairs_ij + transposed_ji + rows_i + columns_j + delta_ij diagonal_i): [sum n^2, C].
/// Differentiable.
at::Tensor pair_mix(const PairTerms& terms, const Ragged& jets, Activation activation,
                    const Context& context);
/// The same of ATen operations on jets of equal multiplicity: what runs on GPUs.
at::Tensor pair_mix_composite(const PairTerms& terms, const Ragged& jets);

/// sign(x) ((1 + |x|)^g_c - 1) / g_c for x [rows, C] and exponents g [C], g > 0: a logarithm for
/// small g. Differentiable.
at::Tensor signed_power(const at::Tensor& x, const at::Tensor& exponents);

/// What the operations count for so many particles and pairs of numbers of `width` bytes.
Work lorentz_products_work(std::int64_t particles, std::int64_t pairs, std::int64_t width);
Work pair_sums_work(std::int64_t particles, std::int64_t pairs, std::int64_t channels,
                    std::int64_t width);
/// `parts`: 0, 1 or 2 tensors of pairs. Without the activation.
Work pair_mix_work(std::int64_t particles, std::int64_t pairs, std::int64_t channels,
                   std::int64_t parts, std::int64_t width);
Work signed_power_work(std::int64_t elements, std::int64_t width);

}  // namespace eebench::nn
