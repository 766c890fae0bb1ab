#include "eebench/nn/elementwise.hpp"

#include <vector>

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <catch2/catch.hpp>

#include "eebench/nn/work.hpp"

namespace eebench::nn {
namespace {

Context training(std::int64_t step) {
  Context context;
  context.training = true;
  context.seed = 5;
  context.step = step;
  return context;
}

TEST_CASE("dropout keeps the share it should, scaled so that the mean stays") {
  const at::Tensor x = at::ones({500, 21});
  const std::vector<std::int64_t> offsets{0, 120, 121, 500};
  const std::vector<std::int64_t> jets{7, 3, 900};
  const at::Tensor y = dropout(x, 0.3, 2, offsets, jets, training(1));
  const double zeros = (y == 0).to(at::kDouble).mean().item<double>();
  CHECK(zeros == Approx(0.3).margin(0.02));  // four standard deviations of 10,500 draws
  CHECK(at::allclose(y.masked_select(y != 0), at::full({1}, 1.0 / 0.7)));
}

TEST_CASE("a jet's dropout depends on seed, step, site and jet, not on its place") {
  const at::Tensor x = at::ones({30, 7});
  const auto drop = [&](const std::vector<std::int64_t>& offsets,
                        const std::vector<std::int64_t>& jets, std::uint64_t site,
                        std::int64_t step) {
    return dropout(x, 0.5, site, offsets, jets, training(step));
  };
  const at::Tensor first = drop({0, 10, 30}, {4, 9}, 1, 1);
  const at::Tensor swapped = drop({0, 20, 30}, {9, 4}, 1, 1);
  CHECK(first.narrow(0, 0, 10).equal(swapped.narrow(0, 20, 10)));
  CHECK(first.narrow(0, 10, 20).equal(swapped.narrow(0, 0, 20)));
  CHECK_FALSE(first.equal(drop({0, 10, 30}, {4, 9}, 2, 1)));
  CHECK_FALSE(first.equal(drop({0, 10, 30}, {4, 9}, 1, 2)));
  CHECK_FALSE(first.equal(drop({0, 10, 30}, {4, 8}, 1, 1)));
}

TEST_CASE("factors of dropout made of ATen operations are those of the CPU") {
  const std::vector<std::int64_t> offsets{0, 10, 11, 30};
  const std::vector<std::int64_t> jets{4, 9, std::int64_t{1} << 40};
  for (const std::int64_t row_size : {1, 7, 8}) {
    const auto options = at::device(at::kCPU).dtype(at::kDouble);
    const at::Tensor expected =
        dropout_factors(0.3, 2, offsets, row_size, jets, options, training(1));
    CHECK(expected.equal(
        dropout_factors_composite(0.3, 2, offsets, row_size, jets, options, training(1))));
    CHECK(expected.sizes() == at::IntArrayRef{30, row_size});
  }
}

TEST_CASE("sums of two tensors are counted, and in place only without gradients") {
  const auto twos = [] { return at::full({3, 2}, 2.0F); };
  const at::Tensor scale = at::tensor({10.0F, 100.0F});
  const at::Tensor kept = twos();
  CHECK(at::equal(nn::add(kept, twos()), at::full({3, 2}, 4.0F)));
  CHECK(at::equal(add_scaled(kept, twos(), scale)[2], at::tensor({22.0F, 202.0F})));
  CHECK(at::equal(kept, twos()));

  const at::NoGradGuard no_grad;
  const WorkScope scope;
  CHECK(nn::add(kept, twos()).is_same(kept));
  CHECK(scope.work() == Work{.elementwise = 6, .bytes = 3 * 6 * 4});
  CHECK(at::equal(add_scaled(kept, twos(), scale)[0], at::tensor({24.0F, 204.0F})));
  CHECK(scope.work() == Work{.elementwise = 3 * 6, .bytes = 6 * 6 * 4});
}

}  // namespace
}  // namespace eebench::nn
