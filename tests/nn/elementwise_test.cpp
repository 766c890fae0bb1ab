#include "eebench/nn/elementwise.hpp"

#include <vector>

#include <ATen/ATen.h>
#include <catch2/catch.hpp>

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

}  // namespace
}  // namespace eebench::nn
