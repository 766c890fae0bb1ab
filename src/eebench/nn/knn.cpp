#include "eebench/nn/knn.hpp"

#include <algorithm>
#include <numeric>
#include <vector>

#include <ATen/ATen.h>
#include <ATen/Dispatch.h>
#include <c10/core/GradMode.h>

#include "eebench/nn/work.hpp"

namespace eebench::nn {
namespace {

/// Row by row the k columns after the smallest, by distance and then by index.
template <class T>
void select_nearest(const T* distances, std::int64_t n, std::int64_t k, std::int64_t first_row,
                    std::int64_t missing, std::int64_t* out) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(n));
  const std::int64_t found = std::min(k + 1, n);
  for (std::int64_t i = 0; i < n; ++i) {
    const T* row = distances + i * n;
    std::iota(order.begin(), order.end(), 0);
    std::partial_sort(order.begin(), order.begin() + found, order.end(),
                      [row](std::int64_t a, std::int64_t b) {
                        return row[a] < row[b] || (row[a] == row[b] && a < b);
                      });
    for (std::int64_t j = 0; j < k; ++j) {
      out[i * k + j] = j + 1 < found ? first_row + order[static_cast<std::size_t>(j + 1)] : missing;
    }
  }
}

}  // namespace

at::Tensor nearest_neighbours(const at::Tensor& x, const Ragged& jets, std::int64_t k) {
  const at::NoGradGuard no_grad;
  count({.multiply_adds = jets.pairs() * x.size(1),
         .elementwise = jets.pairs() * selection_flops,
         .bytes = x.element_size() * (x.numel() + jets.pairs())});
  const at::Tensor values = x.detach();
  const at::Tensor squares = values.square().sum(1);
  at::Tensor neighbours = at::empty({jets.particles(), k}, at::kLong);
  for (std::int64_t jet = 0; jet < jets.jets(); ++jet) {
    const std::int64_t first = jets.offsets()[static_cast<std::size_t>(jet)];
    const std::int64_t n = jets.multiplicity(jet);
    const at::Tensor own = values.narrow(0, first, n);
    const at::Tensor square = squares.narrow(0, first, n);
    const at::Tensor distances =
        (square.unsqueeze(1) - 2.0 * at::mm(own, own.t()) + square.unsqueeze(0)).cpu().contiguous();
    AT_DISPATCH_FLOATING_TYPES(distances.scalar_type(), "nearest_neighbours", [&] {
      select_nearest(distances.const_data_ptr<scalar_t>(), n, k, first, jets.particles(),
                     neighbours.mutable_data_ptr<std::int64_t>() + first * k);
    });
  }
  return neighbours;
}

}  // namespace eebench::nn
