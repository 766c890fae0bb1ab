#include "eebench/nn/ragged.hpp"

#include <catch2/catch.hpp>

namespace eebench::nn {
namespace {

std::vector<std::int64_t> copy(std::span<const std::int64_t> values) {
  return {values.begin(), values.end()};
}

TEST_CASE("a range of jets keeps their multiplicities and starts at 0") {
  const Ragged jets({0, 3, 4, 9, 11});
  const Ragged middle = jets.range(1, 3);
  CHECK(copy(middle.offsets()) == std::vector<std::int64_t>{0, 1, 6});
  CHECK(copy(middle.pair_offsets()) == std::vector<std::int64_t>{0, 1, 26});
  CHECK(jets.range(2, 2).jets() == 0);
}

TEST_CASE("cuts fall behind the jet that fills a run") {
  const Ragged jets({0, 3, 4, 9, 11, 12});
  CHECK(cuts(jets.offsets(), 4) == std::vector<std::int64_t>{0, 2, 3, 5});
  CHECK(cuts(jets.offsets(), 1) == std::vector<std::int64_t>{0, 1, 2, 3, 4, 5});
  CHECK(cuts(jets.offsets(), 100) == std::vector<std::int64_t>{0, 5});
}

}  // namespace
}  // namespace eebench::nn
