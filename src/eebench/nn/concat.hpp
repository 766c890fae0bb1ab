#pragma once

#include <vector>

#include <ATen/core/Tensor.h>

#include "eebench/nn/ragged.hpp"

namespace eebench::nn {

/// Columns of the parts [rows, C_i] side by side: [rows, sum C_i].
at::Tensor concat(const std::vector<at::Tensor>& parts);

/// Rows of jets that begin with one more.
struct Prepended {
  at::Tensor x;  ///< [sum (n + 1), C]
  Ragged jets;
};
/// The token [B, C] of each jet before the rows of its particles, x [sum n, C].
Prepended prepend(const at::Tensor& token, const at::Tensor& x, const Ragged& jets);

/// Pieces of a batch one after another. Not counted: into how many a batch is cut is not the
/// network's.
at::Tensor join(const std::vector<at::Tensor>& pieces);

}  // namespace eebench::nn
