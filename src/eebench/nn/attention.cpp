#include "eebench/nn/attention.hpp"

#include <cmath>
#include <numeric>
#include <vector>

#include <ATen/ATen.h>

#include "eebench/nn/cpu/kernels.hpp"
#include "eebench/nn/elementwise.hpp"
#include "eebench/nn/work.hpp"

namespace eebench::nn {
namespace {

void count_attention(std::int64_t query_key_pairs, std::int64_t queries, std::int64_t keys,
                     std::int64_t channels, std::int64_t heads, bool bias, std::int64_t width) {
  count(
      {.multiply_adds = 2 * query_key_pairs * channels,
       .elementwise = queries * channels * flops_of::multiply +
                      query_key_pairs * heads * (flops_of::softmax + (bias ? flops_of::add : 0)),
       .bytes = width * (2 * (queries + keys) * channels + (bias ? query_key_pairs * heads : 0))});
}

/// q [g, nq, C] and k, v [g, nk, C] of jets of equal multiplicity; bias [g, H, nq, nk] or
/// undefined.
at::Tensor dense_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                           const at::Tensor& bias, std::int64_t heads, AttentionDropout drop,
                           std::span<const std::int64_t> jet_index, const Context& context) {
  const auto split = [heads](const at::Tensor& x) {  // [g, n, C] -> [g, H, n, d]
    return x.view({x.size(0), x.size(1), heads, x.size(2) / heads}).transpose(1, 2);
  };
  const double scale = 1.0 / std::sqrt(static_cast<double>(q.size(2) / heads));
  at::Tensor scores = at::matmul(split(q) * scale, split(k).transpose(2, 3));
  if (bias.defined()) {
    scores = scores + bias;
  }
  at::Tensor weights = at::softmax(scores, -1);
  if (context.training && drop.p > 0.0) {
    std::vector<std::int64_t> one_row_each(static_cast<std::size_t>(q.size(0)) + 1);
    std::iota(one_row_each.begin(), one_row_each.end(), 0);
    weights = dropout(weights, drop.p, drop.site, one_row_each, jet_index, context);
  }
  return at::matmul(weights, split(v)).transpose(1, 2).reshape({-1, q.size(2)});
}

/// Rows regrouped by multiplicity and cut into one piece a group: one gather, so that its gradient
/// is one scatter and not one a group.
std::vector<at::Tensor> by_group(const at::Tensor& x, const std::vector<at::Tensor>& rows) {
  std::vector<std::int64_t> sizes;
  for (const at::Tensor& group : rows) {
    sizes.push_back(group.size(0));
  }
  return at::split_with_sizes(at::index_select(x, 0, at::cat(rows).to(x.device())), sizes);
}

/// The inverse of by_group.
at::Tensor in_batch_order(const std::vector<at::Tensor>& parts,
                          const std::vector<at::Tensor>& rows) {
  const at::Tensor order = at::cat(rows);
  at::Tensor inverse = at::empty_like(order);
  inverse.index_put_({order}, at::arange(order.size(0), order.options()));
  return at::index_select(at::cat(parts), 0, inverse.to(parts.front().device()));
}

/// One of the row lists of every group.
std::vector<at::Tensor> rows_by_group(const Ragged& jets, at::Tensor EqualJets::*which) {
  std::vector<at::Tensor> rows;
  for (const EqualJets& group : jets.groups()) {
    rows.push_back(group.*which);
  }
  return rows;
}

}  // namespace

at::Tensor self_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                          const at::Tensor& bias, const Ragged& jets, std::int64_t heads,
                          AttentionDropout drop, const Context& context) {
  const std::int64_t channels = q.size(1);
  count_attention(jets.pairs(), jets.particles(), jets.particles(), channels, heads, bias.defined(),
                  q.element_size());
  if (cpu::usable(q)) {
    return cpu::attention(q, k, v, bias, jets, jets, heads);
  }
  const std::vector<at::Tensor> rows = rows_by_group(jets, &EqualJets::particle_rows);
  const auto group_q = by_group(q, rows);
  const auto group_k = by_group(k, rows);
  const auto group_v = by_group(v, rows);
  const auto group_bias = bias.defined()
                              ? by_group(bias, rows_by_group(jets, &EqualJets::pair_rows))
                              : std::vector<at::Tensor>(rows.size());
  std::vector<at::Tensor> parts;
  for (std::size_t g = 0; g < rows.size(); ++g) {
    const EqualJets& group = jets.groups()[g];
    const std::int64_t n = group.multiplicity;
    const auto size = static_cast<std::int64_t>(group.members.size());
    const auto shaped = [&](const at::Tensor& x) { return x.view({size, n, channels}); };
    std::vector<std::int64_t> jet_index;
    for (const std::int64_t jet : group.members) {
      jet_index.push_back(context.training ? context.jet_index.at(static_cast<std::size_t>(jet))
                                           : jet);
    }
    parts.push_back(
        dense_attention(shaped(group_q[g]), shaped(group_k[g]), shaped(group_v[g]),
                        bias.defined() ? group_bias[g].view({size, heads, n, n}) : at::Tensor(),
                        heads, drop, jet_index, context));
  }
  return in_batch_order(parts, rows);
}

at::Tensor class_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                           const Ragged& keys, std::int64_t heads, const Context& context) {
  const std::int64_t channels = q.size(1);
  count_attention(keys.particles(), keys.jets(), keys.particles(), channels, heads, false,
                  q.element_size());
  if (cpu::usable(q)) {
    std::vector<std::int64_t> one_each(static_cast<std::size_t>(keys.jets()) + 1);
    std::iota(one_each.begin(), one_each.end(), 0);
    return cpu::attention(q, k, v, {}, Ragged(one_each), keys, heads);
  }
  const std::vector<at::Tensor> rows = rows_by_group(keys, &EqualJets::particle_rows);
  const std::vector<at::Tensor> jets = rows_by_group(keys, &EqualJets::jet_rows);
  const auto group_q = by_group(q, jets);
  const auto group_k = by_group(k, rows);
  const auto group_v = by_group(v, rows);
  std::vector<at::Tensor> parts;
  for (std::size_t g = 0; g < rows.size(); ++g) {
    const auto size = jets[g].size(0);
    parts.push_back(
        dense_attention(group_q[g].view({size, 1, channels}), group_k[g].view({size, -1, channels}),
                        group_v[g].view({size, -1, channels}), {}, heads, {}, {}, context));
  }
  return in_batch_order(parts, jets);
}

}  // namespace eebench::nn
