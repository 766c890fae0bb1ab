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

const std::vector<EqualJets>& Ragged::groups(at::Device device) const {
  if (groups_ && !groups_->empty() && groups_->front().jet_rows.device() == device) {
    return *groups_;
  }
  std::map<std::int64_t, std::vector<std::int64_t>> jets_of;
  std::vector<std::int64_t> order;
  for (std::int64_t jet = 0; jet < jets(); ++jet) {
    jets_of[multiplicity(jet)].push_back(jet);
  }
  for (const auto& [n, members] : jets_of) {
    order.insert(order.end(), members.begin(), members.end());
  }
  // One copy to the device for all groups.
  const at::Tensor jet_rows = to_tensor(order).to(device);
  const at::Tensor particle_rows = rows_of(offsets_, order, device);
  const at::Tensor pair_rows = rows_of(pair_offsets_, order, device);
  auto groups = std::make_shared<std::vector<EqualJets>>();
  std::int64_t jet = 0;
  std::int64_t particle = 0;
  std::int64_t pair = 0;
  for (auto& [n, members] : jets_of) {
    const auto size = static_cast<std::int64_t>(members.size());
    groups->push_back({n, std::move(members), jet_rows.narrow(0, jet, size),
                       particle_rows.narrow(0, particle, size * n),
                       pair_rows.narrow(0, pair, size * n * n)});
    jet += size;
    particle += size * n;
    pair += size * n * n;
  }
  groups_ = std::move(groups);
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

at::Tensor in_batch_order(const std::vector<at::Tensor>& parts,
                          const std::vector<at::Tensor>& rows) {
  const at::Tensor order = at::cat(rows);
  at::Tensor inverse = at::empty_like(order);
  inverse.index_put_({order}, at::arange(order.size(0), order.options()));
  return at::index_select(at::cat(parts), 0, inverse);
}

RowPlaces row_places(std::span<const std::int64_t> row_offsets, at::Device device) {
  const at::Tensor offsets = to_tensor(row_offsets).to(device);
  const std::int64_t rows = row_offsets.back();
  const at::Tensor jet =
      at::repeat_interleave(at::diff(offsets), std::optional<std::int64_t>(rows));
  return {jet, at::arange(rows, offsets.options()) - at::index_select(offsets, 0, jet)};
}

at::Tensor spread(std::span<const std::int64_t> of_jets, const RowPlaces& places) {
  return at::index_select(to_tensor(of_jets).to(places.jet.device()), 0, places.jet);
}

at::Tensor rows_of(std::span<const std::int64_t> row_offsets, std::span<const std::int64_t> jets,
                   at::Device device) {
  std::vector<std::int64_t> first;
  std::vector<std::int64_t> offsets{0};
  for (const std::int64_t jet : jets) {
    const auto j = static_cast<std::size_t>(jet);
    first.push_back(row_offsets[j]);
    offsets.push_back(offsets.back() + row_offsets[j + 1] - row_offsets[j]);
  }
  const RowPlaces places = row_places(offsets, device);
  return spread(first, places).add_(places.within);
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
