#include "eebench/nn/pair_features.hpp"

#include <algorithm>
#include <numbers>
#include <vector>

#include <ATen/ATen.h>

#include "eebench/nn/cpu/kernels.hpp"
#include "eebench/nn/work.hpp"

namespace eebench::nn {
namespace {

void count_features(std::int64_t pairs, std::int64_t width) {
  count({.elementwise = pairs * flops_of::pair_features,
         .bytes = width * pairs * (8 + pair_feature_count)});
}

/// [last - first + 1] cumulative n (n + 1)/2.
std::vector<std::int64_t> unordered_offsets(const Ragged& jets, std::int64_t first,
                                            std::int64_t last) {
  std::vector<std::int64_t> offsets{0};
  for (std::int64_t jet = first; jet < last; ++jet) {
    offsets.push_back(offsets.back() + unordered_pairs(jets.multiplicity(jet)));
  }
  return offsets;
}

/// For [H, n, n] a jet the elements of [T, H] on unordered pairs that stand there.
at::Tensor mirrored_elements_on_cpu(const Ragged& jets, std::int64_t first, std::int64_t last,
                                    std::int64_t heads, std::int64_t squares) {
  at::Tensor elements = at::empty({squares * heads}, at::kLong);
  std::int64_t* element = elements.mutable_data_ptr<std::int64_t>();
  std::int64_t start = 0;
  for (std::int64_t jet = first; jet < last; ++jet) {
    const std::int64_t n = jets.multiplicity(jet);
    for (std::int64_t h = 0; h < heads; ++h) {
      for (std::int64_t i = 0; i < n; ++i) {
        for (std::int64_t j = 0; j < n; ++j) {
          const std::int64_t high = std::max(i, j);
          *element++ = (start + high * (high + 1) / 2 + std::min(i, j)) * heads + h;
        }
      }
    }
    start += unordered_pairs(n);
  }
  return elements;
}

/// The same by ATen operations, ten times slower on a CPU.
at::Tensor mirrored_elements(const Ragged& jets, std::int64_t first, std::int64_t last,
                             std::int64_t heads, at::Device device) {
  std::vector<std::int64_t> offsets{0};
  std::vector<std::int64_t> multiplicity;
  for (std::int64_t jet = first; jet < last; ++jet) {
    const std::int64_t n = jets.multiplicity(jet);
    multiplicity.push_back(n);
    offsets.push_back(offsets.back() + heads * n * n);
  }
  const RowPlaces places = row_places(offsets, device);
  const at::Tensor n = spread(multiplicity, places);
  const at::Tensor row = at::floor_divide(places.within, n);  // of [H n, n]
  const at::Tensor head = at::floor_divide(row, n);
  const at::Tensor i = row - head * n;
  const at::Tensor j = places.within - row * n;
  const at::Tensor high = at::maximum(i, j);
  const at::Tensor start = spread(unordered_offsets(jets, first, last), places);
  return (start + at::floor_divide(high * (high + 1), 2) + at::minimum(i, j)) * heads + head;
}

}  // namespace

PairRows pair_rows(const Ragged& jets, std::int64_t first, std::int64_t last, at::Device device) {
  const RowPlaces places = row_places(unordered_offsets(jets, first, last), device);
  // Pair p of a jet is (i, p - i (i + 1)/2); float64 is exact for any number of particles.
  const at::Tensor i = at::sqrt(8.0 * places.within.to(at::kDouble) + 1.0)
                           .sub_(1.0)
                           .div_(2.0)
                           .floor_()
                           .to(at::kLong);
  const at::Tensor start = spread(jets.offsets().subspan(static_cast<std::size_t>(first)), places);
  return {start + i, start + places.within - at::floor_divide(i * (i + 1), 2)};
}

at::Tensor pair_features(const at::Tensor& vectors, const PairRows& pairs) {
  count_features(pairs.i.size(0), vectors.element_size());
  constexpr double eps = 1e-8;
  constexpr double two_pi = 2.0 * std::numbers::pi;
  const at::Tensor px = vectors.select(1, 0);
  const at::Tensor py = vectors.select(1, 1);
  const at::Tensor pz = vectors.select(1, 2);
  const at::Tensor energy = vectors.select(1, 3);
  const at::Tensor pt = at::sqrt(px * px + py * py);
  const at::Tensor rapidity = 0.5 * at::log(1.0 + 2.0 * pz / (energy - pz).clamp_min(1e-20));
  const at::Tensor particles =
      at::stack({pt, rapidity, at::atan2(py, px), px, py, pz, energy}, 0);  // [7, sum n]
  const auto at_i = at::index_select(particles, 1, pairs.i).unbind(0);
  const auto at_j = at::index_select(particles, 1, pairs.j).unbind(0);

  const at::Tensor dphi =
      at::remainder(at_i[2] - at_j[2] + std::numbers::pi, two_pi) - std::numbers::pi;
  const at::Tensor dy = at_i[1] - at_j[1];
  const at::Tensor delta = at::sqrt(dy * dy + dphi * dphi);
  const at::Tensor pt_min = at::minimum(at_i[0], at_j[0]);
  const at::Tensor z = pt_min / (at_i[0] + at_j[0]).clamp_min(eps);
  const at::Tensor sum_x = at_i[3] + at_j[3];
  const at::Tensor sum_y = at_i[4] + at_j[4];
  const at::Tensor sum_z = at_i[5] + at_j[5];
  const at::Tensor sum_e = at_i[6] + at_j[6];
  const at::Tensor momentum2 = sum_x * sum_x + sum_y * sum_y + sum_z * sum_z;
  const at::Tensor mass2 = sum_e * sum_e - momentum2;
  return at::stack({pt_min * delta, z, delta, mass2}, 1).clamp_min_(eps).log_();
}

at::Tensor pair_features(const at::Tensor& vectors, const Ragged& jets, std::int64_t first,
                         std::int64_t last) {
  if (!cpu::is_float(vectors) || vectors.requires_grad()) {
    return pair_features(vectors, pair_rows(jets, first, last, vectors.device()));
  }
  const at::Tensor features = cpu::pair_features(vectors, jets, first, last);
  count_features(features.size(0), vectors.element_size());
  return features;
}

at::Tensor mirror_pairs(const at::Tensor& lower, const Ragged& jets, std::int64_t first,
                        std::int64_t last) {
  const std::int64_t heads = lower.size(1);
  const auto base = jets.pair_offsets()[static_cast<std::size_t>(first)];
  const std::int64_t squares = jets.pair_offsets()[static_cast<std::size_t>(last)] - base;
  count({.bytes = 2 * squares * heads * lower.element_size()});
  if (cpu::usable(lower)) {
    return cpu::mirror_pairs(lower, jets, first, last);
  }
  const at::Tensor source = lower.device().is_cpu()
                                ? mirrored_elements_on_cpu(jets, first, last, heads, squares)
                                : mirrored_elements(jets, first, last, heads, lower.device());
  return at::index_select(lower.reshape({-1}), 0, source).view({squares, heads});
}

}  // namespace eebench::nn
