#include "eebench/nn/edges.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include "eebench/nn/cpu/edge_simd.hpp"
#include "eebench/nn/cpu/kernels.hpp"
#include "eebench/nn/work.hpp"

namespace eebench::nn {

Edges edges_of(const at::Tensor& table, const Ragged& jets) {
  const std::int64_t k = table.size(1);
  std::vector<std::int64_t> from;
  std::vector<std::int64_t> first;
  std::vector<std::int64_t> places;
  std::vector<std::int64_t> of_particles{0};
  std::vector<std::int64_t> of_jets{0};
  const auto most = static_cast<std::size_t>(jets.particles() * k);
  for (std::vector<std::int64_t>* rows : {&from, &first, &places}) {
    rows->reserve(most);
  }
  for (std::int64_t jet = 0; jet < jets.jets(); ++jet) {
    const std::int64_t start = jets.offsets()[static_cast<std::size_t>(jet)];
    const std::int64_t n = jets.multiplicity(jet);
    const std::int64_t found = std::min(k, n);
    for (std::int64_t row = start; row < start + n; ++row) {
      for (std::int64_t j = 0; j < found; ++j) {
        from.push_back(row);
        first.push_back(start);
        places.push_back(row * k + j);
      }
      of_particles.push_back(of_particles.back() + found);
    }
    of_jets.push_back(of_particles.back());
  }
  const auto on_device = [&](const std::vector<std::int64_t>& rows) {
    return at::tensor(rows, at::kLong).to(table.device());
  };
  const at::Tensor at_places = on_device(places);
  return {.from = on_device(from),
          .to = at::index_select(table.reshape({-1}), 0, at_places) + on_device(first),
          .places = at_places,
          .of_particles = Ragged(std::move(of_particles)),
          .of_jets = Ragged(std::move(of_jets))};
}

at::Tensor to_table(const at::Tensor& x, const Edges& edges, std::int64_t k) {
  const std::int64_t particles = edges.of_particles.jets();
  const at::Tensor rows =
      x.size(0) == particles * k
          ? x
          : at::index_copy(at::zeros({particles * k, x.size(1)}, x.options()), 0, edges.places, x);
  return rows.view({particles, k * x.size(1)});
}

at::Tensor from_table(const at::Tensor& table, const Edges& edges, std::int64_t k) {
  const at::Tensor rows = table.reshape({table.size(0) * k, -1});
  return rows.size(0) == edges.places.size(0) ? rows : at::index_select(rows, 0, edges.places);
}

FirstEdges first_edges(const Edges& edges, std::int64_t count) {
  std::vector<std::int64_t> rows;
  std::vector<std::int64_t> offsets{0};
  for (std::int64_t particle = 0; particle < edges.of_particles.jets(); ++particle) {
    const std::int64_t first = edges.of_particles.offsets()[static_cast<std::size_t>(particle)];
    const std::int64_t taken = std::min(count, edges.of_particles.multiplicity(particle));
    for (std::int64_t row = first; row < first + taken; ++row) {
      rows.push_back(row);
    }
    offsets.push_back(offsets.back() + taken);
  }
  const bool all = offsets.back() == edges.of_particles.particles();
  return {.rows = all ? at::Tensor() : at::tensor(rows, at::kLong).to(edges.from.device()),
          .of_particles = Ragged(std::move(offsets))};
}

at::Tensor take(const at::Tensor& x, const FirstEdges& first) {
  return first.rows.defined() ? at::index_select(x, 0, first.rows) : x;
}

at::Tensor edge_inputs(const at::Tensor& f, const at::Tensor& x, const Edges& edges) {
  at::Tensor inputs =
      at::cat({at::index_select(f, 0, edges.from), at::index_select(f, 0, edges.to), x}, 1);
  count({.bytes = 2 * inputs.numel() * inputs.element_size()});
  return inputs;
}

at::Tensor edge_sum_relu(const at::Tensor& own, const at::Tensor& other, at::Tensor x,
                         const Edges& edges) {
  const std::int64_t channels = x.size(1);
  count({.elementwise = x.numel() * (2 * flops_of::add + flops_of::relu),
         .bytes = (2 * x.numel() + own.numel() + other.numel()) * x.element_size()});
  if (!cpu::usable(x)) {
    return at::relu(x + at::index_select(own, 0, edges.from) +
                    at::index_select(other, 0, edges.to));
  }
  constexpr std::int64_t edges_of_a_task = 256;
  at::parallel_for(0, x.size(0), edges_of_a_task, [&](std::int64_t begin, std::int64_t end) {
    cpu::edge_sum_relu({.own = own.const_data_ptr<float>(),
                        .other = other.const_data_ptr<float>(),
                        .from = edges.from.const_data_ptr<std::int64_t>() + begin,
                        .to = edges.to.const_data_ptr<std::int64_t>() + begin,
                        .x = x.mutable_data_ptr<float>() + begin * channels,
                        .edges = end - begin,
                        .channels = channels});
  });
  return x;
}

}  // namespace eebench::nn
