#pragma once

#include <cstdint>
#include <span>

#include <ATen/core/Tensor.h>

#include "eebench/nn/cpu/lorentz_layer_simd.hpp"
#include "eebench/nn/ragged.hpp"
#include "eebench/nn/work.hpp"

namespace eebench::nn {

/// A permutation-equivariant layer on the Lorentz products d_ij of the particles of each jet, and
/// what sums leave of it: with C_j = sum_i d_ij, S = sum_ij d_ij and the weights of a channel
///   y_ij = relu(pair d_ij + row C_i + column C_j + total S + bias
///               + delta_ij (diagonal_row C_i + diagonal_total S + diagonal_bias)),
/// sum_ij y_ij and sum_i y_ii. One pass over the pairs, which are never stored. C_j = p_j.P and
/// S = P.P of the jet's momentum P, in float64.
/// vectors [sum n, 4] = (px, py, pz, E) in float32 or float64 on the CPU; weights [B * C], those of
/// a jet side by side. Returns [B, C, 2]. Not differentiable. The particles of a jet are `first`
/// [K, 4], of the same type, and then `most` of its own (0: all).
at::Tensor lorentz_layer_sums(const at::Tensor& vectors, const Ragged& jets,
                              std::span<const cpu::PairWeights> weights, const at::Tensor& first,
                              std::int64_t most);

Work lorentz_layer_work(std::int64_t particles, std::int64_t pairs, std::int64_t jets,
                        std::int64_t channels, std::int64_t width);

}  // namespace eebench::nn
