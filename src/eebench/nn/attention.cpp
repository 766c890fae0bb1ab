#include "eebench/nn/attention.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include <ATen/ATen.h>
#include <c10/util/accumulate.h>

#include "eebench/nn/cpu/kernels.hpp"
#include "eebench/nn/elementwise.hpp"
#include "eebench/nn/work.hpp"

namespace eebench::nn {
namespace {

/// Particles that GPUs round a jet up to: at 39 particles a quarter more pairs, and 16 pieces at
/// most where there were up to 128.
constexpr std::int64_t multiple = 8;

void count_attention(std::int64_t query_key_pairs, std::int64_t queries, std::int64_t keys,
                     std::int64_t channels, std::int64_t heads, bool bias, std::int64_t width) {
  count(
      {.multiply_adds = 2 * query_key_pairs * channels,
       .elementwise = queries * channels * flops_of::multiply +
                      query_key_pairs * heads * (flops_of::softmax + (bias ? flops_of::add : 0)),
       .bytes = width * (2 * (queries + keys) * channels + (bias ? query_key_pairs * heads : 0))});
}

/// q [g, nq, C] and k, v [g, nk, C] of jets of equal multiplicity; bias, and factors of the
/// weights, [g, H, nq, nk] or undefined.
at::Tensor dense_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                           const at::Tensor& bias, const at::Tensor& factors, std::int64_t heads) {
  const auto split = [heads](const at::Tensor& x) {  // [g, n, C] -> [g, H, n, d]
    return x.view({x.size(0), x.size(1), heads, x.size(2) / heads}).transpose(1, 2);
  };
  const double scale = 1.0 / std::sqrt(static_cast<double>(q.size(2) / heads));
  at::Tensor scores = at::matmul(split(q) * scale, split(k).transpose(2, 3));
  if (bias.defined()) {
    scores = scores + bias;
  }
  at::Tensor weights = at::softmax(scores, -1);
  if (factors.defined()) {
    weights = weights * factors;
  }
  return at::matmul(weights, split(v)).transpose(1, 2).reshape({-1, q.size(2)});
}

/// Jets in order of multiplicity, each filled up to the next multiple of `multiple` particles with
/// copies of its last one. Attention on a GPU is bound by the number of launches: pieces of equal
/// width, few of them, take the fewest.
struct Padded {
  struct Piece {
    std::int64_t jets;
    std::int64_t width;
  };
  std::vector<Piece> pieces;
  std::vector<std::int64_t> multiplicity;  ///< of the jets in order
  std::vector<std::int64_t> width;         ///< likewise
  std::vector<std::int64_t> pair_start;    ///< likewise, of the packed pairs
  at::Tensor jet_rows;                     ///< [B] the jets in order
  at::Tensor jet_places;                   ///< [B] where each jet stands in that order
  at::Tensor rows;                         ///< [sum width] packed rows of particles
  at::Tensor filled;                       ///< [sum width] 1 for copies
  at::Tensor places;                       ///< [sum n] where each particle stands in `rows`
};

Padded padded(const Ragged& jets, at::Device device) {
  const auto width_of = [&](std::int64_t jet) {
    return (jets.multiplicity(jet) + multiple - 1) / multiple * multiple;
  };
  std::vector<std::int64_t> order(static_cast<std::size_t>(jets.jets()));
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](std::int64_t a, std::int64_t b) { return width_of(a) < width_of(b); });
  Padded result;
  std::vector<std::int64_t> start;
  std::vector<std::int64_t> place_of_jet(order.size());
  std::vector<std::int64_t> place_of_first(order.size());
  std::vector<std::int64_t> offsets{0};
  for (std::size_t slot = 0; slot < order.size(); ++slot) {
    const auto jet = static_cast<std::size_t>(order[slot]);
    const std::int64_t width = width_of(order[slot]);
    if (result.pieces.empty() || result.pieces.back().width != width) {
      result.pieces.push_back({0, width});
    }
    ++result.pieces.back().jets;
    result.multiplicity.push_back(jets.multiplicity(order[slot]));
    result.width.push_back(width);
    result.pair_start.push_back(jets.pair_offsets()[jet]);
    start.push_back(jets.offsets()[jet]);
    place_of_jet[jet] = static_cast<std::int64_t>(slot);
    place_of_first[jet] = offsets.back();
    offsets.push_back(offsets.back() + width);
  }
  const RowPlaces filled = row_places(offsets, device);
  const at::Tensor n = spread(result.multiplicity, filled);
  result.rows = spread(start, filled) + at::minimum(filled.within, n - 1);
  result.filled = at::ge(filled.within, n);
  const RowPlaces packed = row_places(jets.offsets(), device);
  result.places = spread(place_of_first, packed) + packed.within;
  result.jet_rows = at::tensor(order, at::kLong).to(device);
  result.jet_places = at::tensor(place_of_jet, at::kLong).to(device);
  return result;
}

/// For [H, width, width] a jet the elements of packed [H, n, n] that stand there.
at::Tensor square_elements(const Padded& jets, std::int64_t heads, at::Device device) {
  std::vector<std::int64_t> offsets{0};
  for (const std::int64_t width : jets.width) {
    offsets.push_back(offsets.back() + heads * width * width);
  }
  const RowPlaces places = row_places(offsets, device);
  const at::Tensor n = spread(jets.multiplicity, places);
  const at::Tensor width = spread(jets.width, places);
  const at::Tensor row = at::floor_divide(places.within, width);  // of [H width, width]
  const at::Tensor head = at::floor_divide(row, width);
  const at::Tensor i = at::minimum(row - head * width, n - 1);
  const at::Tensor j = at::minimum(places.within - row * width, n - 1);
  return spread(jets.pair_start, places) * heads + (head * n + i) * n + j;
}

/// The numbers of all jets in order, cut into the pieces; `shape(jets, width)` is that of a piece.
template <class Shape>
std::vector<at::Tensor> cut(const at::Tensor& all, const Padded& jets, const Shape& shape) {
  const at::Tensor flat = all.view({-1});
  std::vector<at::Tensor> pieces;
  std::int64_t first = 0;
  for (const auto& [size, width] : jets.pieces) {
    const std::vector<std::int64_t> sizes = shape(size, width);
    const std::int64_t count = c10::multiply_integers(sizes);
    pieces.push_back(flat.narrow(0, first, count).view(sizes));
    first += count;
  }
  return pieces;
}

/// x by packed rows, cut into the pieces: [jets, width, C] each.
std::vector<at::Tensor> in_pieces(const at::Tensor& x, const Padded& jets) {
  return cut(at::index_select(x, 0, jets.rows), jets, [&](std::int64_t size, std::int64_t width) {
    return std::vector{size, width, x.size(1)};
  });
}

/// Packed squares [sum n^2, heads] cut into the pieces: [jets, heads, width, width] each.
std::vector<at::Tensor> in_pieces(const at::Tensor& squares, const at::Tensor& elements,
                                  const Padded& jets) {
  return cut(at::index_select(squares.reshape({-1}), 0, elements), jets,
             [heads = squares.size(1)](std::int64_t size, std::int64_t width) {
               return std::vector{size, heads, width, width};
             });
}

/// What is added to scores: [jets, 1, 1, width] a piece, minus infinity for copies.
std::vector<at::Tensor> masks(const Padded& jets, const at::TensorOptions& options) {
  const at::Tensor all = at::zeros(jets.filled.sizes(), options)
                             .masked_fill_(jets.filled, -std::numeric_limits<double>::infinity());
  constexpr std::int64_t one = 1;
  return cut(all, jets, [](std::int64_t size, std::int64_t width) {
    return std::vector{size, one, one, width};
  });
}

/// Rows regrouped by multiplicity and cut into one piece a group: one gather, so that its gradient
/// is one scatter and not one a group.
std::vector<at::Tensor> by_group(const at::Tensor& x, const std::vector<at::Tensor>& rows) {
  std::vector<std::int64_t> sizes;
  for (const at::Tensor& group : rows) {
    sizes.push_back(group.size(0));
  }
  return at::split_with_sizes(at::index_select(x, 0, at::cat(rows)), sizes);
}

/// One of the row lists of every group.
std::vector<at::Tensor> rows_by_group(const Ragged& jets, at::Device device,
                                      at::Tensor EqualJets::*which) {
  std::vector<at::Tensor> rows;
  for (const EqualJets& group : jets.groups(device)) {
    rows.push_back(group.*which);
  }
  return rows;
}

/// Factors that drop attention weights, [sum n^2, heads] in the order of the groups; undefined
/// where none are dropped.
at::Tensor weight_factors(const Ragged& jets, std::int64_t heads, AttentionDropout drop,
                          const at::TensorOptions& options, const Context& context) {
  if (!context.training || drop.p == 0.0) {
    return {};
  }
  std::vector<std::int64_t> offsets{0};
  std::vector<std::int64_t> jet_index;
  for (const EqualJets& group : jets.groups(options.device())) {
    for (const std::int64_t jet : group.members) {
      offsets.push_back(offsets.back() + group.multiplicity * group.multiplicity);
      jet_index.push_back(context.jet_index.at(static_cast<std::size_t>(jet)));
    }
  }
  count_dropout(offsets.back() * heads, static_cast<std::int64_t>(options.dtype().itemsize()));
  return dropout_factors(drop.p, drop.site, offsets, heads, jet_index, options, context);
}

}  // namespace

at::Tensor self_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                          const at::Tensor& bias, const Ragged& jets, std::int64_t heads,
                          AttentionDropout drop, const Context& context) {
  if (!q.device().is_cpu()) {
    return self_attention_padded(q, k, v, bias, jets, heads, drop, context);
  }
  const std::int64_t channels = q.size(1);
  count_attention(jets.pairs(), jets.particles(), jets.particles(), channels, heads, bias.defined(),
                  q.element_size());
  if (cpu::usable(q)) {
    return cpu::attention(q, k, v, bias, jets, jets, heads);
  }
  const std::vector<at::Tensor> rows = rows_by_group(jets, q.device(), &EqualJets::particle_rows);
  const auto group_q = by_group(q, rows);
  const auto group_k = by_group(k, rows);
  const auto group_v = by_group(v, rows);
  const auto group_bias =
      bias.defined() ? by_group(bias, rows_by_group(jets, q.device(), &EqualJets::pair_rows))
                     : std::vector<at::Tensor>(rows.size());
  const at::Tensor factors = weight_factors(jets, heads, drop, q.options(), context);
  std::vector<at::Tensor> parts;
  std::int64_t pair = 0;
  for (std::size_t g = 0; g < rows.size(); ++g) {
    const EqualJets& group = jets.groups(q.device())[g];
    const std::int64_t n = group.multiplicity;
    const auto size = static_cast<std::int64_t>(group.members.size());
    const auto shaped = [&](const at::Tensor& x) { return x.view({size, n, channels}); };
    const auto squares = [&](const at::Tensor& x) {
      return x.defined() ? x.view({size, heads, n, n}) : x;
    };
    parts.push_back(dense_attention(
        shaped(group_q[g]), shaped(group_k[g]), shaped(group_v[g]), squares(group_bias[g]),
        squares(factors.defined() ? factors.narrow(0, pair, size * n * n) : factors), heads));
    pair += size * n * n;
  }
  return in_batch_order(parts, rows);
}

at::Tensor self_attention_padded(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                                 const at::Tensor& bias, const Ragged& jets, std::int64_t heads,
                                 AttentionDropout drop, const Context& context) {
  const Padded all = padded(jets, q.device());
  const std::int64_t particles = all.rows.size(0);
  std::int64_t pairs = 0;
  for (const auto& [size, width] : all.pieces) {
    pairs += size * width * width;
  }
  count_attention(pairs, particles, particles, q.size(1), heads, /*bias=*/true, q.element_size());
  const auto queries = in_pieces(q, all);
  const auto keys = in_pieces(k, all);
  const auto values = in_pieces(v, all);
  auto added = masks(all, q.options());
  const bool drops = context.training && drop.p > 0.0;
  const at::Tensor elements =
      bias.defined() || drops ? square_elements(all, heads, q.device()) : at::Tensor();
  if (bias.defined()) {
    const auto biases = in_pieces(bias, elements, all);
    for (std::size_t p = 0; p < added.size(); ++p) {
      added[p] = biases[p] + added[p];
    }
  }
  std::vector<at::Tensor> factors(added.size());
  if (drops) {
    count_dropout(pairs * heads, q.element_size());
    factors = in_pieces(dropout_factors(drop.p, drop.site, jets.pair_offsets(), heads,
                                        context.jet_index, q.options(), context),
                        elements, all);
  }
  std::vector<at::Tensor> parts;
  for (std::size_t p = 0; p < added.size(); ++p) {
    parts.push_back(dense_attention(queries[p], keys[p], values[p], added[p], factors[p], heads));
  }
  return at::index_select(at::cat(parts), 0, all.places);
}

at::Tensor class_attention_padded(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                                  const Ragged& keys, std::int64_t heads) {
  const Padded all = padded(keys, q.device());
  const std::int64_t particles = all.rows.size(0);
  count_attention(particles, keys.jets(), particles, q.size(1), heads, /*bias=*/true,
                  q.element_size());
  const auto own = in_pieces(k, all);
  const auto values = in_pieces(v, all);
  const auto added = masks(all, q.options());
  const at::Tensor queries = at::index_select(q, 0, all.jet_rows);
  std::vector<at::Tensor> parts;
  std::int64_t jet = 0;
  for (std::size_t p = 0; p < added.size(); ++p) {
    const std::int64_t size = all.pieces[p].jets;
    parts.push_back(dense_attention(queries.narrow(0, jet, size).unsqueeze(1), own[p], values[p],
                                    added[p], {}, heads));
    jet += size;
  }
  return at::index_select(at::cat(parts), 0, all.jet_places);
}

at::Tensor class_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                           const Ragged& keys, std::int64_t heads, const Context&) {
  if (!q.device().is_cpu()) {
    return class_attention_padded(q, k, v, keys, heads);
  }
  const std::int64_t channels = q.size(1);
  count_attention(keys.particles(), keys.jets(), keys.particles(), channels, heads, false,
                  q.element_size());
  if (cpu::usable(q)) {
    std::vector<std::int64_t> one_each(static_cast<std::size_t>(keys.jets()) + 1);
    std::iota(one_each.begin(), one_each.end(), 0);
    return cpu::attention(q, k, v, {}, Ragged(one_each), keys, heads);
  }
  const std::vector<at::Tensor> rows = rows_by_group(keys, q.device(), &EqualJets::particle_rows);
  const std::vector<at::Tensor> jets = rows_by_group(keys, q.device(), &EqualJets::jet_rows);
  const auto group_q = by_group(q, jets);
  const auto group_k = by_group(k, rows);
  const auto group_v = by_group(v, rows);
  std::vector<at::Tensor> parts;
  for (std::size_t g = 0; g < rows.size(); ++g) {
    const auto size = jets[g].size(0);
    parts.push_back(dense_attention(group_q[g].view({size, 1, channels}),
                                    group_k[g].view({size, -1, channels}),
                                    group_v[g].view({size, -1, channels}), {}, {}, heads));
  }
  return in_batch_order(parts, jets);
}

}  // namespace eebench::nn
