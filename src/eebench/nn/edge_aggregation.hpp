#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

namespace eebench::nn {

/// The elementwise steps of layers on the edges between particles and their neighbours, each one
/// pass over memory on the CPU without gradients, and ATen operations elsewhere.

/// relu(own[i] + other[neighbours[i, j]]) for own [n, C], other [rows, C] and neighbours int64
/// [n, k]; a neighbour of `rows` or more is missing and adds nothing. Returns [n * k, C].
at::Tensor gather_add_relu(const at::Tensor& own, const at::Tensor& other,
                           const at::Tensor& neighbours);

/// own + other[neighbours] without the ReLU, differentiable in own and other; rows = n.
at::Tensor gather_add(const at::Tensor& own, const at::Tensor& other, const at::Tensor& neighbours);

/// Mean over j of relu(x[i * k + j] + bias) for x [n * k, C]. Returns [n, C].
at::Tensor bias_relu_mean(const at::Tensor& x, const at::Tensor& bias, std::int64_t k);

/// Mean over j of x[i * k + j] for x [n * k, C]. Returns [n, C].
at::Tensor edge_mean(const at::Tensor& x, std::int64_t k);

}  // namespace eebench::nn
