#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

#include "eebench/nn/activation.hpp"
#include "eebench/nn/ragged.hpp"

namespace eebench::nn {

/// The edges from every particle to its neighbours: E rows, those of a particle consecutive and
/// nearest first. A particle has min(k, n) of them, so there is no edge to nowhere.
struct Edges {
  at::Tensor from;      ///< int64 [E] rows of particles
  at::Tensor to;        ///< int64 [E]
  at::Tensor places;    ///< int64 [E] positions in a table [sum n * k]
  Ragged of_particles;  ///< which edges belong to which particle
  Ragged of_jets;       ///< and to which jet
};

/// `table` int64 [sum n, k] as nearest_in_plane() makes it.
Edges edges_of(const at::Tensor& table, const Ragged& jets);

/// A table of the particles holds rows x [E, C] of edges, [sum n, k * C], with zeros where a
/// particle has fewer than k; and back.
at::Tensor to_table(const at::Tensor& x, const Edges& edges, std::int64_t k);
at::Tensor from_table(const at::Tensor& table, const Edges& edges, std::int64_t k);

/// The first edges of every particle.
struct FirstEdges {
  at::Tensor rows;      ///< int64 [E'] rows of the edges; undefined where they are all
  Ragged of_particles;  ///< which of the E' belong to which particle
};
FirstEdges first_edges(const Edges& edges, std::int64_t count);

/// Their rows of x [E, C], itself where they are all.
at::Tensor take(const at::Tensor& x, const FirstEdges& first);

/// [E, 2 C + D]: f [sum n, C] of the particle, of its neighbour, and x [E, D] of the edge.
at::Tensor edge_inputs(const at::Tensor& f, const at::Tensor& x, const Edges& edges);

/// relu(own[from] + other[to] + x) for own, other [sum n, C] and x [E, C]: a layer on edge_inputs()
/// whose products with particles were made once a particle. Without gradients it works in place on
/// x: the caller's to give away.
at::Tensor edge_sum_relu(const at::Tensor& own, const at::Tensor& other, at::Tensor x,
                         const Edges& edges);

}  // namespace eebench::nn
