#include "eebench/nn/ragged.hpp"

#include <ATen/ATen.h>
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

TEST_CASE("jets are grouped by multiplicity, and what is made of the groups comes back in order") {
  const Ragged jets({0, 2, 3, 5});
  const std::vector<EqualJets>& groups = jets.groups(at::kCPU);
  REQUIRE(groups.size() == 2);
  CHECK(groups[0].multiplicity == 1);
  CHECK(groups[1].members == std::vector<std::int64_t>{0, 2});
  CHECK(at::equal(groups[1].jet_rows, at::tensor({0, 2}, at::kLong)));
  CHECK(at::equal(groups[1].particle_rows, at::tensor({0, 1, 3, 4}, at::kLong)));
  CHECK(at::equal(groups[0].pair_rows, at::tensor({4}, at::kLong)));
  const at::Tensor x = at::arange(5);
  const std::vector<at::Tensor> rows = {groups[0].particle_rows, groups[1].particle_rows};
  CHECK(
      at::equal(in_batch_order({x.index_select(0, rows[0]), x.index_select(0, rows[1])}, rows), x));
  CHECK(Ragged().groups(at::kCPU).empty());
}

TEST_CASE("rows know their jet and their place in it") {
  const std::vector<std::int64_t> offsets{0, 2, 3, 5};
  const RowPlaces places = row_places(offsets, at::kCPU);
  CHECK(at::equal(places.jet, at::tensor({0, 0, 1, 2, 2}, at::kLong)));
  CHECK(at::equal(places.within, at::tensor({0, 1, 0, 0, 1}, at::kLong)));
  const std::vector<std::int64_t> of_jets{7, 8, 9};
  CHECK(at::equal(spread(of_jets, places), at::tensor({7, 7, 8, 9, 9}, at::kLong)));
}

TEST_CASE("cuts fall behind the jet that fills a run") {
  const Ragged jets({0, 3, 4, 9, 11, 12});
  CHECK(cuts(jets.offsets(), 4) == std::vector<std::int64_t>{0, 2, 3, 5});
  CHECK(cuts(jets.offsets(), 1) == std::vector<std::int64_t>{0, 1, 2, 3, 4, 5});
  CHECK(cuts(jets.offsets(), 100) == std::vector<std::int64_t>{0, 5});
}

}  // namespace
}  // namespace eebench::nn
