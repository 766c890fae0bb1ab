#include "eebench/nn/concat.hpp"

#include <ATen/ATen.h>
#include <catch2/catch.hpp>

#include "eebench/nn/work.hpp"

namespace eebench::nn {
namespace {

at::Tensor matrix(const std::vector<float>& values, std::int64_t columns) {
  return at::tensor(values).view({-1, columns});
}

TEST_CASE("columns are put side by side, each number read and written once") {
  const WorkScope scope;
  const at::Tensor all = concat({matrix({1, 2}, 1), matrix({3, 4, 5, 6}, 2)});
  CHECK(at::equal(all, matrix({1, 3, 4, 2, 5, 6}, 3)));
  CHECK(scope.work() == Work{.bytes = 2 * 6 * 4});
}

TEST_CASE("each jet's token comes before its particles") {
  const WorkScope scope;
  const Ragged jets(std::vector<std::int64_t>{0, 2, 3});
  const Prepended both = prepend(matrix({10, 20}, 1), matrix({1, 2, 3}, 1), jets);
  CHECK(at::equal(both.x, matrix({10, 1, 2, 20, 3}, 1)));
  CHECK(both.jets.multiplicity(0) == 3);
  CHECK(both.jets.multiplicity(1) == 2);
  CHECK(scope.work() == Work{.bytes = 2 * 5 * 4});
}

}  // namespace
}  // namespace eebench::nn
