#include "eebench/nn/pair_features.hpp"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <catch2/catch.hpp>

namespace eebench::nn {
namespace {

/// Massive particles in all directions, so that no mass comes from cancellation alone.
at::Tensor some_vectors(std::int64_t n) {
  at::manual_seed(1);
  const at::Tensor momentum = 20 * at::randn({n, 3});
  return at::cat({momentum, at::sqrt(momentum.square().sum(1, true) + 400.0)}, 1);
}

TEST_CASE("pair features of the kernel agree with ATen operations in float64") {
  const Ragged jets({0, 1, 3, 20, 57, 90});
  const at::Tensor vectors = some_vectors(90);
  const at::Tensor kernel = pair_features(vectors, jets, 1, 5);
  const at::Tensor expected =
      pair_features(vectors.to(at::kDouble), pair_rows(jets, 1, 5, at::kCPU));
  REQUIRE(kernel.sizes() == expected.sizes());
  CHECK(at::allclose(kernel.to(at::kDouble), expected, 1e-5, 1e-5));
}

TEST_CASE("unordered pairs stand in rows, the second particle fastest") {
  const PairRows pairs = pair_rows(Ragged({0, 1, 4, 6}), 1, 3, at::kCPU);
  CHECK(at::equal(pairs.i, at::tensor({1, 2, 2, 3, 3, 3, 4, 5, 5}, at::kLong)));
  CHECK(at::equal(pairs.j, at::tensor({1, 1, 2, 1, 2, 3, 4, 4, 5}, at::kLong)));
  const std::int64_t n = 3000;  // the last pair of a jet far beyond any is still exact
  const PairRows many = pair_rows(Ragged({0, n}), 0, 1, at::kCPU);
  CHECK(many.i[-1].item<std::int64_t>() == n - 1);
  CHECK(many.j[-1].item<std::int64_t>() == n - 1);
  CHECK(at::le(many.j, many.i).all().item<bool>());
}

TEST_CASE("pair features at the edges: zero momentum, along the beam, across the cut in angle") {
  const Ragged jets({0, 5});
  const at::Tensor vectors = at::tensor({0.0,  0.0,   0.0,  0.0,  //
                                         0.0,  0.0,   5.0,  5.0,  //
                                         -3.0, 1e-6,  0.0,  3.5,  //
                                         -3.0, -1e-6, 0.0,  3.5,  //
                                         1.0,  2.0,   -3.0, 4.0})
                                 .view({5, 4});
  const at::Tensor kernel = pair_features(vectors.to(at::kFloat), jets, 0, 1);
  CHECK(at::isfinite(kernel).all().item<bool>());
  const at::Tensor expected =
      pair_features(vectors.to(at::kFloat).to(at::kDouble), pair_rows(jets, 0, 1, at::kCPU));
  // Differences below the rounding of an angle are nothing or a little in single precision.
  CHECK(at::allclose(kernel.to(at::kDouble).exp(), expected.exp(), 1e-4, 1e-5));
}

TEST_CASE("pairs are mirrored to both sides of the diagonal, head by head") {
  const Ragged jets({0, 2, 5});
  const at::Tensor lower = at::arange(18, at::kFloat).view({9, 2});
  const auto mirrored = [&] { return mirror_pairs(lower, jets, 0, 2); };
  const at::Tensor composite = mirrored();
  const at::NoGradGuard no_grad;
  const at::Tensor kernel = mirrored();
  CHECK(at::equal(kernel, composite));
  const at::Tensor second = kernel.narrow(0, 4, 9).reshape({2, 3, 3});
  CHECK(at::equal(second, second.transpose(1, 2)));
  CHECK(second[1][2][0].item<float>() == lower[3 + 3][1].item<float>());
}

}  // namespace
}  // namespace eebench::nn
