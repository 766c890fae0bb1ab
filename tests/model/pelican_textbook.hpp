#pragma once

#include <map>
#include <string>
#include <vector>

#include <ATen/ATen.h>

namespace eebench::test {

/// PELICAN as its papers write it: padded batches, and every operation of a layer stored on all
/// pairs. What eebench's own form is compared with, in result and in speed.

/// The six operations of PELICAN nano on x [B, C, N, N], sums over nobj_avg: [B, C, 6, N, N].
inline at::Tensor textbook_nano_operations(const at::Tensor& x, double nobj_avg) {
  const std::int64_t n = x.size(3);
  const at::Tensor columns = x.sum(2) / nobj_avg;
  const at::Tensor total = x.sum({2, 3}) / (nobj_avg * nobj_avg);
  const auto square = [&](const at::Tensor& part) { return part.expand({-1, -1, n, n}); };
  return at::stack({x, at::diag_embed(columns), square(columns.unsqueeze(2)),
                    square(columns.unsqueeze(3)), square(total.unsqueeze(2).unsqueeze(3)),
                    at::diag_embed(total.unsqueeze(2).expand({-1, -1, n}))},
                   2);
}

/// All fifteen on x [1, C, n, n]; those that sum one index times one_index, over two two_indices:
/// [1, C, 15, n, n].
inline at::Tensor textbook_operations(const at::Tensor& x, double one_index, double two_indices) {
  const std::int64_t n = x.size(3);
  const at::Tensor diagonal = x.diagonal(0, 2, 3);
  const at::Tensor columns = x.sum(2) * one_index;
  const at::Tensor rows = x.sum(3) * one_index;
  const at::Tensor trace = (diagonal.sum(2) * one_index).unsqueeze(2).expand({-1, -1, n});
  const at::Tensor total = (x.sum({2, 3}) * two_indices).unsqueeze(2).expand({-1, -1, n});
  const auto at_j = [&](const at::Tensor& part) {
    return part.unsqueeze(2).expand({-1, -1, n, n});
  };
  const auto at_i = [&](const at::Tensor& part) {
    return part.unsqueeze(3).expand({-1, -1, n, n});
  };
  return at::stack(
      {x, x.transpose(2, 3), at::diag_embed(diagonal), at_j(diagonal), at_i(diagonal),
       at::diag_embed(columns), at_j(columns), at_i(columns), at::diag_embed(rows), at_j(rows),
       at_i(rows), at_i(trace), at::diag_embed(trace), at_i(total), at::diag_embed(total)},
      2);
}

/// Coefficients [C, S, K] on operations [B, C, K, N, N], biases on all pairs and on the diagonal:
/// [B, N, N, S].
inline at::Tensor textbook_mixing(const at::Tensor& operations, const at::Tensor& coefs,
                                  const at::Tensor& bias, const at::Tensor& diag_bias) {
  const at::Tensor eye = at::eye(operations.size(4), operations.options()).unsqueeze(2);
  return at::einsum("dsb,ndbij->nijs", {coefs, operations}) + bias + eye * diag_bias;
}

/// Logit w [B] of PELICAN nano with BatchNorm and sums: parameters and buffers by name, vectors
/// [B, N, 4] = (px, py, pz, E), beams included, mask [B, N].
inline at::Tensor textbook_nano(const std::map<std::string, at::Tensor>& parameters,
                                const at::Tensor& vectors, const at::Tensor& mask,
                                double nobj_avg) {
  const auto of = [&](const std::string& name) { return parameters.at(name); };
  const at::Tensor pairs = (mask.unsqueeze(2) & mask.unsqueeze(1)).unsqueeze(3);
  const auto norm = [&](const at::Tensor& x, const std::string& name) {
    const at::Tensor y = (x - of(name + "running_mean")) /
                             at::sqrt(of(name + "running_var") + 1e-5) * of(name + "weight") +
                         of(name + "bias");
    return at::where(pairs, y, at::zeros({}, y.options()));
  };
  const at::Tensor product = vectors.unsqueeze(2) * vectors.unsqueeze(1);
  const at::Tensor d = (2 * product.select(3, 3) - product.sum(3)).unsqueeze(3);
  const at::Tensor x = norm(d, "net2to2.message_layers.0.normlayer.").permute({0, 3, 1, 2});
  const std::string layer = "net2to2.eq_layers.0.";
  const at::Tensor y =
      at::relu(textbook_mixing(textbook_nano_operations(x, nobj_avg), of(layer + "coefs"),
                               of(layer + "bias"), of(layer + "diag_bias"))) *
      pairs;
  const at::Tensor z = norm(y, "msg_2to0.normlayer.").permute({0, 3, 1, 2});
  const at::Tensor sums =
      at::stack({z.sum({2, 3}) / (nobj_avg * nobj_avg), z.diagonal(0, 2, 3).sum(2) / nobj_avg}, 2);
  return at::einsum("dsb,ndb->ns", {of("agg_2to0.coefs"), sums}).squeeze(1) + of("agg_2to0.bias");
}

}  // namespace eebench::test
