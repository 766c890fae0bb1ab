#include "eebench/data/read_ahead.hpp"

#include <algorithm>

#include <catch2/catch.hpp>

using namespace eebench;

namespace {

/// Jets of one particle.
data::JetBatch some_jets(std::int64_t begin, std::int64_t end) {
  data::JetBatch jets;
  jets.features_per_particle = 1;
  for (std::int64_t jet = begin; jet < end; ++jet) {
    jets.offsets.push_back(jets.offsets.back() + 1);
    jets.features.push_back(static_cast<float>(jet));
    jets.points.resize(jets.points.size() + 2);
    jets.vectors.resize(jets.vectors.size() + 4);
    jets.labels.push_back(jet % 10);
    jets.index.push_back(jet);
  }
  return jets;
}

}  // namespace

TEST_CASE("small batches are cut from what is read at once, and no jet is read twice or beyond") {
  const std::int64_t last = 9000;
  std::int64_t read = 0;
  int reads = 0;
  const data::ReadJets next = data::read_ahead(
      [&](std::int64_t begin, std::int64_t end) {
        CHECK(begin == read);
        CHECK(end <= last);
        read = end;
        ++reads;
        return some_jets(begin, end);
      },
      last);
  bool equal = true;
  for (std::int64_t begin = 0; begin < last; begin += 16) {
    const std::int64_t end = std::min(begin + 16, last);
    const auto cut = next(begin, end);
    const auto whole = some_jets(begin, end);
    equal = equal && cut.index == whole.index && cut.labels == whole.labels &&
            cut.offsets == whole.offsets && cut.features == whole.features;
  }
  CHECK(equal);
  CHECK(read == last);
  CHECK(reads < 4);
}
