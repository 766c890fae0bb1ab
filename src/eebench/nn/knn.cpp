#include "eebench/nn/knn.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numbers>
#include <utility>
#include <vector>

#include <ATen/ATen.h>
#include <ATen/Dispatch.h>
#include <c10/core/GradMode.h>

#include "eebench/nn/cpu/kernels.hpp"
#include "eebench/nn/work.hpp"

namespace eebench::nn {
namespace {

/// Sorts by distance, then by index. As one integer it is several times faster than as a pair.
std::uint64_t sort_key(float distance, std::uint32_t index) {
  const auto bits = std::bit_cast<std::uint32_t>(distance);
  constexpr std::uint32_t sign = 0x80000000;
  const std::uint32_t ordered = (bits & sign) != 0 ? ~bits : bits | sign;
  return std::uint64_t{ordered} << 32 | index;
}
std::pair<double, std::uint32_t> sort_key(double distance, std::uint32_t index) {
  return {distance, index};
}
std::int64_t index_of(std::uint64_t key) { return static_cast<std::uint32_t>(key); }
std::int64_t index_of(const std::pair<double, std::uint32_t>& key) { return key.second; }

/// Row by row the k columns after the nearest; `products` [n, n] are the scalar products of n
/// particles.
template <class T>
void select_nearest(const T* products, std::int64_t n, std::int64_t k, std::int64_t first_row,
                    std::int64_t missing, std::int64_t* out) {
  const auto particles = static_cast<std::size_t>(n);
  std::vector<T> squares(particles);
  for (std::size_t i = 0; i < particles; ++i) {
    squares[i] = products[i * particles + i];
  }
  std::vector<decltype(sort_key(T{}, 0))> keys(particles);
  const auto found = static_cast<std::size_t>(std::min(k + 1, n));
  for (std::size_t i = 0; i < particles; ++i) {
    const T* row = products + i * particles;
    for (std::size_t j = 0; j < particles; ++j) {
      keys[j] = sort_key(squares[i] - 2 * row[j] + squares[j], static_cast<std::uint32_t>(j));
    }
    std::partial_sort(keys.begin(), keys.begin() + static_cast<std::ptrdiff_t>(found), keys.end());
    for (std::size_t j = 1; j <= static_cast<std::size_t>(k); ++j) {
      *out++ = j < found ? first_row + index_of(keys[j]) : missing;
    }
  }
}

/// As nearest_in_plane() for one jet of n points [n, 2].
template <class T>
void select_in_plane(const T* points, std::int64_t n, std::int64_t k, std::int64_t* out) {
  constexpr T turn = 2 * std::numbers::pi_v<T>;
  const auto particles = static_cast<std::size_t>(n);
  std::vector<decltype(sort_key(T{}, 0))> keys(particles);
  const std::int64_t found = std::min(k, n);
  for (std::size_t i = 0; i < particles; ++i) {
    for (std::size_t j = 0; j < particles; ++j) {
      const T deta = points[2 * i] - points[2 * j];
      const T angle = points[2 * i + 1] - points[2 * j + 1];
      const T dphi = angle - turn * std::nearbyint(angle / turn);
      keys[j] = sort_key(deta * deta + dphi * dphi, static_cast<std::uint32_t>(j));
    }
    const auto last = keys.begin() + found;
    if (found < n) {
      std::nth_element(keys.begin(), last, keys.end());
    }
    std::sort(keys.begin(), last);
    for (std::int64_t j = 0; j < k; ++j) {
      *out++ = j < found ? index_of(keys[static_cast<std::size_t>(j)]) : -1;
    }
  }
}

}  // namespace

at::Tensor nearest_neighbours(const at::Tensor& x, const Ragged& jets, std::int64_t k,
                              const Context&) {
  const at::NoGradGuard no_grad;
  count({.multiply_adds = jets.pairs() * x.size(1),
         .elementwise = jets.pairs() * selection_flops,
         .bytes = x.element_size() * (x.numel() + jets.pairs())});
  const at::Tensor values = x.detach();
  if (!values.device().is_cpu()) {
    return nearest_neighbours_composite(values, jets, k);
  }
  at::Tensor neighbours = at::empty({jets.particles(), k}, at::kLong);
  for (std::int64_t jet = 0; jet < jets.jets(); ++jet) {
    const std::int64_t first = jets.offsets()[static_cast<std::size_t>(jet)];
    const std::int64_t n = jets.multiplicity(jet);
    const at::Tensor own = values.narrow(0, first, n);
    const at::Tensor products = cpu::usable(own)
                                    ? cpu::linear(own, cpu::panels(own), {}, n, Activation::none)
                                    : at::mm(own, own.t());
    AT_DISPATCH_FLOATING_TYPES(products.scalar_type(), "nearest_neighbours", [&] {
      select_nearest(products.const_data_ptr<scalar_t>(), n, k, first, jets.particles(),
                     neighbours.mutable_data_ptr<std::int64_t>() + first * k);
    });
  }
  return neighbours;
}

at::Tensor nearest_neighbours_composite(const at::Tensor& x, const Ragged& jets, std::int64_t k) {
  const at::Tensor neighbours =
      at::full({jets.particles(), k}, jets.particles(), x.options().dtype(at::kLong));
  for (const EqualJets& group : jets.groups(x.device())) {
    const std::int64_t n = group.multiplicity;
    const std::int64_t found = std::min(k, n - 1);
    if (found == 0) {
      continue;
    }
    const at::Tensor rows = group.particle_rows;
    const at::Tensor own = at::index_select(x, 0, rows).view({-1, n, x.size(1)});
    const at::Tensor products = at::bmm(own, own.transpose(1, 2));
    const at::Tensor squares = products.diagonal(0, 1, 2);
    const at::Tensor distances = squares.unsqueeze(2) - 2 * products + squares.unsqueeze(1);
    const at::Tensor nearest =
        std::get<1>(at::topk(distances, found + 1, 2, /*largest=*/false, /*sorted=*/true));
    const at::Tensor first_rows = rows.view({-1, n}).select(1, 0).view({-1, 1, 1});
    const at::Tensor others = (nearest.narrow(2, 1, found) + first_rows).view({-1, found});
    neighbours.narrow(1, 0, found).index_copy_(0, rows, others);
  }
  return neighbours;
}

at::Tensor nearest_in_plane(const at::Tensor& points, const Ragged& jets, std::int64_t k) {
  count({.elementwise = jets.pairs() * (plane_distance_flops + selection_flops),
         .bytes = points.element_size() * (points.numel() + jets.pairs())});
  if (!points.device().is_cpu()) {
    return nearest_in_plane_composite(points, jets, k);
  }
  const at::Tensor dense = points.contiguous();
  at::Tensor places = at::empty({jets.particles(), k}, at::kLong);
  for (std::int64_t jet = 0; jet < jets.jets(); ++jet) {
    const std::int64_t first = jets.offsets()[static_cast<std::size_t>(jet)];
    AT_DISPATCH_FLOATING_TYPES(dense.scalar_type(), "nearest_in_plane", [&] {
      select_in_plane(dense.const_data_ptr<scalar_t>() + 2 * first, jets.multiplicity(jet), k,
                      places.mutable_data_ptr<std::int64_t>() + first * k);
    });
  }
  return places;
}

at::Tensor nearest_in_plane_composite(const at::Tensor& points, const Ragged& jets,
                                      std::int64_t k) {
  constexpr double turn = 2.0 * std::numbers::pi;
  const at::Tensor places = at::full({jets.particles(), k}, -1, points.options().dtype(at::kLong));
  for (const EqualJets& group : jets.groups(points.device())) {
    const std::int64_t n = group.multiplicity;
    const std::int64_t found = std::min(k, n);
    const at::Tensor rows = group.particle_rows;
    const at::Tensor own = at::index_select(points, 0, rows).view({-1, n, 2});
    const auto between = (own.unsqueeze(2) - own.unsqueeze(1)).unbind(3);  // [jets, n, n] each
    const at::Tensor dphi = between[1] - turn * at::round(between[1] / turn);
    const at::Tensor distances = between[0].square() + dphi.square();
    const at::Tensor nearest =
        std::get<1>(at::topk(distances, found, 2, /*largest=*/false, /*sorted=*/true));
    places.narrow(1, 0, found).index_copy_(0, rows, nearest.view({-1, found}));
  }
  return places;
}

}  // namespace eebench::nn
