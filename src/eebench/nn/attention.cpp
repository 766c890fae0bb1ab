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

void count_attention(std::int64_t query_key_pairs, std::int64_t rows, std::int64_t channels,
                     std::int64_t heads, bool bias, std::int64_t width) {
  count({.multiply_adds = 2 * query_key_pairs * channels,
         .elementwise = query_key_pairs * heads * (flops_of::softmax + (bias ? flops_of::add : 0)),
         .bytes = width * (4 * rows * channels + (bias ? query_key_pairs * heads : 0))});
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

/// The rows of all groups, back in the order of the batch.
at::Tensor in_batch_order(const std::vector<at::Tensor>& parts,
                          const std::vector<at::Tensor>& rows) {
  const at::Tensor order = at::cat(rows);
  const at::Tensor inverse =
      at::empty_like(order).index_put_({order}, at::arange(order.size(0), order.options()));
  return at::index_select(at::cat(parts), 0, inverse);
}

}  // namespace

at::Tensor self_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                          const at::Tensor& bias, const Ragged& jets, std::int64_t heads,
                          AttentionDropout drop, const Context& context) {
  const std::int64_t channels = q.size(1);
  count_attention(jets.pairs(), jets.particles(), channels, heads, bias.defined(),
                  q.element_size());
  if (cpu::usable(q)) {
    return cpu::attention(q, k, v, bias, jets, jets, heads);
  }
  std::vector<at::Tensor> parts;
  std::vector<at::Tensor> rows;
  for (const EqualJets& group : jets.groups()) {
    const at::Tensor particles = group.particle_rows.to(q.device());
    const std::int64_t n = group.multiplicity;
    const auto size = static_cast<std::int64_t>(group.members.size());
    const auto gather = [&](const at::Tensor& x) {
      return at::index_select(x, 0, particles).view({size, n, channels});
    };
    const at::Tensor group_bias =
        bias.defined()
            ? at::index_select(bias, 0, group.pair_rows.to(q.device())).view({size, heads, n, n})
            : at::Tensor();
    std::vector<std::int64_t> jet_index;
    for (const std::int64_t jet : group.members) {
      jet_index.push_back(context.training ? context.jet_index.at(static_cast<std::size_t>(jet))
                                           : jet);
    }
    parts.push_back(dense_attention(gather(q), gather(k), gather(v), group_bias, heads, drop,
                                    jet_index, context));
    rows.push_back(particles);
  }
  return in_batch_order(parts, rows);
}

at::Tensor class_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                           const Ragged& keys, std::int64_t heads, const Context& context) {
  const std::int64_t channels = q.size(1);
  count_attention(keys.particles(), keys.particles(), channels, heads, false, q.element_size());
  if (cpu::usable(q)) {
    std::vector<std::int64_t> one_each(static_cast<std::size_t>(keys.jets()) + 1);
    std::iota(one_each.begin(), one_each.end(), 0);
    return cpu::attention(q, k, v, {}, Ragged(one_each), keys, heads);
  }
  std::vector<at::Tensor> parts;
  std::vector<at::Tensor> rows;
  for (const EqualJets& group : keys.groups()) {
    const at::Tensor jets = at::tensor(group.members, at::kLong).to(q.device());
    const at::Tensor particles = group.particle_rows.to(q.device());
    const auto size = static_cast<std::int64_t>(group.members.size());
    const auto gather = [&](const at::Tensor& x) {
      return at::index_select(x, 0, particles).view({size, group.multiplicity, channels});
    };
    parts.push_back(dense_attention(at::index_select(q, 0, jets).view({size, 1, channels}),
                                    gather(k), gather(v), {}, heads, {}, {}, context));
    rows.push_back(jets);
  }
  return in_batch_order(parts, rows);
}

}  // namespace eebench::nn
