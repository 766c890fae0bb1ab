#include "eebench/nn/knn.hpp"

#include <algorithm>
#include <numeric>
#include <set>
#include <vector>

#include <ATen/ATen.h>
#include <catch2/catch.hpp>

#include "eebench/nn/work.hpp"

namespace eebench::nn {
namespace {

/// Rows 0 .. sum n of pseudo-random coordinates.
at::Tensor coordinates(std::int64_t particles, std::int64_t channels, at::ScalarType type) {
  return at::sin(at::arange(particles * channels, at::kDouble).square() * 0.37)
      .view({particles, channels})
      .to(type);
}

/// Rows of the k + 1 nearest by direct differences, without the nearest.
std::vector<std::int64_t> sorted_by_distance(const at::Tensor& x, std::int64_t first,
                                             std::int64_t n, std::int64_t row, std::int64_t k,
                                             std::int64_t missing) {
  const at::Tensor jet = x.narrow(0, first, n).to(at::kDouble);
  const at::Tensor distances = (jet - jet[row - first]).square().sum(1);
  std::vector<std::int64_t> order(static_cast<std::size_t>(n));
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](std::int64_t a, std::int64_t b) {
    return distances[a].item<double>() < distances[b].item<double>();
  });
  std::vector<std::int64_t> expected;
  for (std::int64_t j = 1; j <= k; ++j) {
    expected.push_back(j < n ? first + order[static_cast<std::size_t>(j)] : missing);
  }
  return expected;
}

std::vector<std::int64_t> row_of(const at::Tensor& neighbours, std::int64_t row) {
  const std::int64_t* data = neighbours.const_data_ptr<std::int64_t>() + row * neighbours.size(1);
  return {data, data + neighbours.size(1)};
}

TEST_CASE("neighbours are the nearest of the same jet, and missing ones are marked") {
  const auto type = GENERATE(at::kFloat, at::kDouble);
  const std::int64_t channels = GENERATE(2, 64, 70);
  const std::int64_t k = 16;
  const Ragged jets(std::vector<std::int64_t>{0, 1, 17, 34, 63, 191});
  const at::Tensor x = coordinates(jets.particles(), channels, type);
  const at::Tensor neighbours = nearest_neighbours(x, jets, k, {});
  REQUIRE(neighbours.sizes() == at::IntArrayRef({jets.particles(), k}));
  for (std::int64_t jet = 0; jet < jets.jets(); ++jet) {
    const std::int64_t first = jets.offsets()[static_cast<std::size_t>(jet)];
    const std::int64_t n = jets.multiplicity(jet);
    for (std::int64_t row = first; row < first + n; ++row) {
      CHECK(row_of(neighbours, row) == sorted_by_distance(x, first, n, row, k, jets.particles()));
    }
  }
}

TEST_CASE("neighbours by ATen operations are the same") {
  const Ragged jets(std::vector<std::int64_t>{0, 1, 17, 34, 63, 80, 208});
  const at::Tensor x = coordinates(jets.particles(), 64, at::kDouble);
  CHECK(at::equal(nearest_neighbours_composite(x, jets, 16), nearest_neighbours(x, jets, 16, {})));
}

TEST_CASE("a jet's neighbours do not depend on the batch around it") {
  const Ragged jets(std::vector<std::int64_t>{0, 21, 60, 95});
  const at::Tensor x = coordinates(jets.particles(), 33, at::kFloat);
  const at::Tensor together = nearest_neighbours(x, jets, 8, {});
  for (std::int64_t jet = 0; jet < jets.jets(); ++jet) {
    const std::int64_t first = jets.offsets()[static_cast<std::size_t>(jet)];
    const std::int64_t n = jets.multiplicity(jet);
    const at::Tensor alone =
        nearest_neighbours(x.narrow(0, first, n), Ragged(std::vector<std::int64_t>{0, n}), 8, {});
    CHECK(at::equal(together.narrow(0, first, n) - first, alone));
  }
}

TEST_CASE("equal distances go to the lower index") {
  const Ragged jets(std::vector<std::int64_t>{0, 4});
  const at::Tensor same = at::ones({4, 3});
  const at::Tensor neighbours = nearest_neighbours(same, jets, 2, {});
  for (std::int64_t row = 0; row < 4; ++row) {
    CHECK(row_of(neighbours, row) == std::vector<std::int64_t>{1, 2});
  }
}

TEST_CASE("distances are counted for the pairs of each jet alone") {
  const Ragged jets(std::vector<std::int64_t>{0, 20, 148});
  const WorkScope scope;
  nearest_neighbours(coordinates(148, 5, at::kFloat), jets, 4, {});
  CHECK(scope.work().multiply_adds == (20 * 20 + 128 * 128) * 5);
}

}  // namespace
}  // namespace eebench::nn
