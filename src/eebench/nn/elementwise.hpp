#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

#include "eebench/nn/activation.hpp"
#include "eebench/nn/context.hpp"
#include "eebench/nn/ragged.hpp"

namespace eebench::nn {

/// Exact (error function) GELU. Without gradients it works in place on a float32 CPU tensor: the
/// argument is the caller's to give away.
at::Tensor gelu(at::Tensor x, const Context& context);

at::Tensor relu(at::Tensor x, const Context& context);

at::Tensor activate(at::Tensor x, Activation activation, const Context& context);

/// x + y of equal shapes. Without gradients it works in place on x: the caller's to give away.
at::Tensor add(at::Tensor x, const at::Tensor& y);

/// x + scale * y for x, y [rows, C] and scale [C], in place as add().
at::Tensor add_scaled(at::Tensor x, const at::Tensor& y, const at::Tensor& scale);

/// Counts the work of an activation of so many elements of `width` bytes.
void count_activation(std::int64_t elements, Activation activation, std::int64_t width);

void count_dropout(std::int64_t elements, std::int64_t width);

/// The factors of inverted dropout for rows [rows, row_size] that belong to jets as `row_offsets`
/// says: 0 with probability p (to 2^-16), else 1 / (1 - p). The draw of an element depends on the
/// seed, the step, the jet's index in its data set, the site and the position within the jet, never
/// on the batch around it. `site` differs between calls of one pass; jet_index holds the data-set
/// index of each jet of row_offsets.
at::Tensor dropout_factors(double p, std::uint64_t site, std::span<const std::int64_t> row_offsets,
                           std::int64_t row_size, std::span<const std::int64_t> jet_index,
                           const at::TensorOptions& options, const Context& context);
/// The same of ATen operations: what runs on GPUs.
at::Tensor dropout_factors_composite(double p, std::uint64_t site,
                                     std::span<const std::int64_t> row_offsets,
                                     std::int64_t row_size, std::span<const std::int64_t> jet_index,
                                     const at::TensorOptions& options, const Context& context);

/// Inverted dropout of x [rows, ...], by the factors above.
at::Tensor dropout(const at::Tensor& x, double p, std::uint64_t site,
                   std::span<const std::int64_t> row_offsets,
                   std::span<const std::int64_t> jet_index, const Context& context);
/// The same of one row a jet, x [B, ...], jets indexed by the context.
at::Tensor dropout_jets(const at::Tensor& x, double p, std::uint64_t site, const Context& context);

}  // namespace eebench::nn
