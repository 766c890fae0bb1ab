#include "eebench/nn/ragged.hpp"

#include <algorithm>
#include <map>
#include <numeric>
#include <utility>

#include <ATen/ATen.h>

namespace eebench::nn {
namespace {

at::Tensor to_tensor(std::span<const std::int64_t> values) {
  at::Tensor tensor = at::empty({static_cast<std::int64_t>(values.size())}, at::kLong);
  std::copy(values.begin(), values.end(), tensor.mutable_data_ptr<std::int64_t>());
  return tensor;
}

}  // namespace

Ragged::Ragged(std::vector<std::int64_t> offsets) : offsets_(std::move(offsets)) {
  TORCH_CHECK(!offsets_.empty() && offsets_.front() == 0, "offsets begin with 0");
  pair_offsets_.reserve(offsets_.size());
  for (std::int64_t jet = 0; jet < jets(); ++jet) {
    const std::int64_t n = multiplicity(jet);
    TORCH_CHECK(n > 0, "jet ", jet, " has no particles");
    pair_offsets_.push_back(pair_offsets_.back() + n * n);
  }
}

Ragged Ragged::equal(std::int64_t jets, std::int64_t n) {
  std::vector<std::int64_t> offsets;
  for (std::int64_t jet = 0; jet <= jets; ++jet) {
    offsets.push_back(jet * n);
  }
  return Ragged(std::move(offsets));
}

at::Tensor Ragged::multiplicities(at::Device device) const {
  std::vector<std::int64_t> counts(offsets_.size());
  std::adjacent_difference(offsets_.begin(), offsets_.end(), counts.begin());
  return to_tensor(std::span(counts).subspan(1)).to(device);
}

const std::vector<EqualJets>& Ragged::groups() const {
  if (!groups_) {
    std::map<std::int64_t, std::vector<std::int64_t>> jets_of;
    for (std::int64_t jet = 0; jet < jets(); ++jet) {
      jets_of[multiplicity(jet)].push_back(jet);
    }
    auto groups = std::make_shared<std::vector<EqualJets>>();
    for (auto& [n, members] : jets_of) {
      at::Tensor particle_rows = rows_of(offsets_, members);
      at::Tensor pair_rows = rows_of(pair_offsets_, members);
      at::Tensor jet_rows = to_tensor(members);
      groups->push_back({n, std::move(members), std::move(jet_rows), std::move(particle_rows),
                         std::move(pair_rows)});
    }
    groups_ = std::move(groups);
  }
  return *groups_;
}

Ragged Ragged::select(std::span<const std::int64_t> jets) const {
  std::vector<std::int64_t> offsets{0};
  offsets.reserve(jets.size() + 1);
  for (const std::int64_t jet : jets) {
    offsets.push_back(offsets.back() + multiplicity(jet));
  }
  return Ragged(std::move(offsets));
}

Ragged Ragged::range(std::int64_t first, std::int64_t last) const {
  const auto begin = static_cast<std::size_t>(first);
  std::vector<std::int64_t> offsets(offsets_.begin() + first, offsets_.begin() + last + 1);
  for (std::int64_t& offset : offsets) {
    offset -= offsets_[begin];
  }
  return Ragged(std::move(offsets));
}

at::Tensor rows_of(std::span<const std::int64_t> row_offsets, std::span<const std::int64_t> jets) {
  std::vector<std::int64_t> rows;
  for (const std::int64_t jet : jets) {
    const auto j = static_cast<std::size_t>(jet);
    for (std::int64_t row = row_offsets[j]; row < row_offsets[j + 1]; ++row) {
      rows.push_back(row);
    }
  }
  return to_tensor(rows);
}

std::vector<std::int64_t> cuts(std::span<const std::int64_t> row_offsets, std::int64_t rows) {
  std::vector<std::int64_t> jets{0};
  for (std::size_t jet = 1; jet < row_offsets.size(); ++jet) {
    const auto begun = static_cast<std::size_t>(jets.back());
    if (row_offsets[jet] - row_offsets[begun] >= rows || jet + 1 == row_offsets.size()) {
      jets.push_back(static_cast<std::int64_t>(jet));
    }
  }
  return jets;
}

}  // namespace eebench::nn
