#include "eebench/nn/edges.hpp"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <catch2/catch.hpp>

#include "eebench/nn/gate.hpp"
#include "eebench/nn/knn.hpp"
#include "eebench/nn/pool.hpp"
#include "eebench/nn/softmax_pool.hpp"
#include "eebench/nn/work.hpp"

namespace eebench::nn {
namespace {

at::Tensor values(std::int64_t rows, std::int64_t columns, double phase) {
  return at::sin(at::arange(rows * columns, at::kDouble) * 0.7 + phase).view({rows, columns});
}

/// Jets of 1, 2 and 4 particles with up to 3 neighbours each.
const Ragged jets(std::vector<std::int64_t>{0, 1, 3, 7});
constexpr std::int64_t k = 3;
Edges some_edges() {
  const at::Tensor table = at::tensor({0, -1, -1, 0, 1, -1, 1, 0, -1, 0, 1, 2,  //
                                       1, 0,  3,  2, 3, 1,  3, 2, 0},
                                      at::kLong);
  return edges_of(table.view({7, k}), jets);
}

TEST_CASE("edges lead to neighbours that exist, rows of a particle together") {
  const Edges edges = some_edges();
  CHECK(at::equal(edges.from,
                  at::tensor({0, 1, 1, 2, 2, 3, 3, 3, 4, 4, 4, 5, 5, 5, 6, 6, 6}, at::kLong)));
  CHECK(at::equal(edges.to,
                  at::tensor({0, 1, 2, 2, 1, 3, 4, 5, 4, 3, 6, 5, 6, 4, 6, 5, 3}, at::kLong)));
  CHECK(edges.of_jets.jets() == 3);
  CHECK(edges.of_jets.multiplicity(2) == 12);
  CHECK(edges.of_particles.multiplicity(1) == 2);
  const at::Tensor x = values(17, 2, 0.1);
  const at::Tensor table = to_table(x, edges, k);
  REQUIRE(table.sizes() == at::IntArrayRef({7, 2 * k}));
  CHECK(at::equal(from_table(table, edges, k), x));
  CHECK(at::equal(table[0].narrow(0, 2, 4), at::zeros({4}, at::kDouble)));
}

TEST_CASE("the first edges of each particle are its nearest") {
  const Edges edges = some_edges();
  const FirstEdges two = first_edges(edges, 2);
  CHECK(at::equal(take(edges.to, two),
                  at::tensor({0, 1, 2, 2, 1, 3, 4, 4, 3, 5, 6, 6, 5}, at::kLong)));
  CHECK(two.of_particles.multiplicity(0) == 1);
  CHECK(two.of_particles.multiplicity(6) == 2);
  CHECK(at::equal(take(edges.to, first_edges(edges, k)), edges.to));
}

TEST_CASE("a layer on edges is the sum of layers on their ends and on themselves") {
  const Edges edges = some_edges();
  const std::int64_t channels = GENERATE(1, 7, 33);
  const at::Tensor f = values(7, 3, 0.2);
  const at::Tensor x = values(17, 2, 0.3);
  const at::Tensor weight = values(channels, 8, 0.4);
  const at::Tensor expected = at::relu(at::mm(edge_inputs(f, x, edges), weight.t()));
  const auto part = [&](const at::Tensor& rows, std::int64_t first, at::ScalarType type) {
    return at::mm(rows, weight.narrow(1, first, rows.size(1)).t()).to(type);
  };
  for (const at::ScalarType type : {at::kFloat, at::kDouble}) {
    const at::NoGradGuard no_grad;
    const at::Tensor sum =
        edge_sum_relu(part(f, 0, type), part(f, 3, type), part(x, 6, type), edges);
    CHECK(at::allclose(sum.to(at::kDouble), expected, 0.0, type == at::kFloat ? 1e-5 : 1e-12));
  }
}

TEST_CASE("softmax pooling weighs the rows of a segment by map and channel") {
  const Ragged segments(std::vector<std::int64_t>{0, 1, 4, 24});
  const auto [channels, maps] = GENERATE(std::pair{64, 8}, std::pair{6, 3}, std::pair{4, 1},
                                         std::pair{35, 5}, std::pair{128, 32});
  const at::Tensor x = values(24, channels, 0.1);
  const at::Tensor scores = 3.0 * values(24, maps, 0.2);
  std::vector<at::Tensor> expected;
  for (std::int64_t s = 0; s < 3; ++s) {
    const std::int64_t first = segments.offsets()[static_cast<std::size_t>(s)];
    const std::int64_t rows = segments.multiplicity(s);
    const at::Tensor weights =
        at::softmax(scores.narrow(0, first, rows), 0).repeat({1, channels / maps});
    expected.push_back((weights * x.narrow(0, first, rows)).sum(0));
  }
  const at::NoGradGuard no_grad;
  CHECK(at::allclose(softmax_pool(x, scores, segments), at::stack(expected), 0.0, 1e-12));
  const at::Tensor fused = softmax_pool(x.to(at::kFloat), scores.to(at::kFloat), segments);
  CHECK(at::allclose(fused.to(at::kDouble), at::stack(expected), 0.0, 2e-6));
  CHECK(at::equal(fused[0], x[0].to(at::kFloat)));
  const at::Tensor high = softmax_pool(x.to(at::kFloat), scores.to(at::kFloat) + 500.0, segments);
  CHECK(at::allclose(high, fused, 0.0, 1e-4));
}

TEST_CASE("sums and means over segments are those of their rows") {
  const Ragged segments(std::vector<std::int64_t>{0, 1, 4, 24});
  const at::Tensor x = values(24, GENERATE(1, 7, 64), 0.1);
  const at::NoGradGuard no_grad;
  for (const at::ScalarType type : {at::kFloat, at::kDouble}) {
    const at::Tensor sums = sum_pool(x.to(type), segments).to(at::kDouble);
    const at::Tensor means = mean_pool(x.to(type), segments).to(at::kDouble);
    const double tolerance = type == at::kFloat ? 1e-5 : 1e-12;
    CHECK(at::allclose(sums[1], x.narrow(0, 1, 3).sum(0), 0.0, tolerance));
    CHECK(at::allclose(means[1], x.narrow(0, 1, 3).mean(0), 0.0, tolerance));
    CHECK(at::allclose(means[2], x.narrow(0, 4, 20).mean(0), 0.0, tolerance));
  }
}

TEST_CASE("a gate multiplies the rows of a jet by its sigmoids") {
  const at::Tensor scores = values(3, 5, 0.2);
  const at::Tensor gain = values(1, 5, 0.3)[0];
  for (const bool grad : {false, true}) {
    const at::AutoGradMode mode(grad);
    const at::Tensor x = values(7, 5, 0.1);
    const at::Tensor plain = gate(x.clone(), scores, {}, jets);
    CHECK(at::allclose(plain[0], x[0] * at::sigmoid(scores[0])));
    CHECK(at::allclose(plain[2], x[2] * at::sigmoid(scores[1])));
    CHECK(at::allclose(plain[6], x[6] * at::sigmoid(scores[2])));
    CHECK(at::allclose(gate(x.clone(), scores, gain, jets), plain * gain));
  }
}

TEST_CASE("operations on edges have the gradients of differences") {
  const Edges edges = some_edges();
  const at::Tensor f = values(7, 4, 0.1).requires_grad_();
  const at::Tensor x = values(17, 2, 0.2).requires_grad_();
  const at::Tensor scores = values(17, 5, 0.3).requires_grad_();
  const auto loss = [&] {
    const at::Tensor inputs = edge_inputs(f, from_table(to_table(x, edges, k), edges, k), edges);
    const at::Tensor gated = gate(inputs, values(3, 10, 0.4) + x.sum(), {}, edges.of_jets);
    const FirstEdges two = first_edges(edges, 2);
    const at::Tensor near = softmax_pool(take(gated, two), take(scores, two), two.of_particles);
    const at::Tensor all = softmax_pool(gated, scores, edges.of_particles);
    return (near * values(7, 10, 0.5) + all.square()).sum();
  };
  loss().backward();
  const at::NoGradGuard no_grad;
  for (const at::Tensor& input : {f, x, scores}) {
    for (const std::int64_t element : {0, 5, 27}) {
      at::Tensor value = input.view({-1})[element];
      const double slope = input.grad().view({-1})[element].item<double>();
      constexpr double step = 1e-6;
      value += step;
      const double above = loss().item<double>();
      value -= 2 * step;
      const double below = loss().item<double>();
      value += step;
      CHECK(slope == Approx((above - below) / (2 * step)).margin(1e-7));
    }
  }
}

TEST_CASE("operations on edges charge what they touch") {
  const at::NoGradGuard no_grad;
  const Edges edges = some_edges();
  const WorkScope scope;
  edge_sum_relu(values(7, 4, 0), values(7, 4, 0), values(17, 4, 0), edges);
  CHECK(scope.work() == Work{.elementwise = 3 * 68, .bytes = 8 * (2 * 68 + 2 * 28)});
  softmax_pool(values(17, 4, 0), values(17, 2, 0), edges.of_particles);
  CHECK(scope.work() == Work{.multiply_adds = 68,
                             .elementwise = 3 * 68 + 16 * 34,
                             .bytes = 8 * (2 * 68 + 2 * 28 + 68 + 34 + 28)});
}

TEST_CASE("the nearest in the plane begin with the particle itself and go round in phi") {
  const auto type = GENERATE(at::kFloat, at::kDouble);
  const at::Tensor points =
      at::tensor({0.0, 3.1, 0.1, -3.1, 0.0, 2.9, 1.0, 0.0, -0.5, 0.1}, at::kDouble)
          .view({5, 2})
          .to(type);
  const Ragged two(std::vector<std::int64_t>{0, 3, 5});
  const at::Tensor expected =
      at::tensor({0, 1, 2, -1, 1, 0, 2, -1, 2, 0, 1, -1, 0, 1, -1, -1, 1, 0, -1, -1}, at::kLong)
          .view({5, 4});
  CHECK(at::equal(nearest_in_plane(points, two, 4), expected));
  CHECK(at::equal(nearest_in_plane_composite(points, two, 4), expected));
}

TEST_CASE("the nearest in the plane by ATen operations are the same") {
  const Ragged some(std::vector<std::int64_t>{0, 1, 17, 34, 63, 80, 208});
  const at::Tensor points =
      6.0 * at::sin(at::arange(416, at::kDouble).square() * 0.37).view({208, 2});
  CHECK(
      at::equal(nearest_in_plane_composite(points, some, 32), nearest_in_plane(points, some, 32)));
}

}  // namespace
}  // namespace eebench::nn
