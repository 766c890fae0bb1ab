#include "eebench/data/sampler.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

#include <fmt/format.h>

#include "eebench/core/error.hpp"
#include "eebench/core/random.hpp"

namespace eebench::data {
namespace {

/// Fisher and Yates, drawn from the key.
void shuffle(std::vector<std::int64_t>& values, std::uint64_t key) {
  for (std::size_t i = values.size(); i > 1; --i) {
    const auto j = static_cast<std::size_t>(uniform(key, i) * static_cast<double>(i));
    std::swap(values[i - 1], values[j]);
  }
}

constexpr std::int64_t jets_per_read = 8192;

}  // namespace

GlobalOrder::GlobalOrder(std::int64_t jets, std::int64_t global_batch, std::uint64_t seed,
                         std::int64_t window)
    : jets_(jets),
      global_batch_(global_batch),
      seed_(seed),
      window_(std::max(block_jets, window / block_jets * block_jets)) {
  if (global_batch < 1 || global_batch > jets) {
    throw InputError(
        fmt::format("a global batch of {} jets does not fit a data set of {}; lower --global-batch "
                    "or give more jets",
                    global_batch, jets));
  }
}

std::vector<std::int64_t> GlobalOrder::window(std::int64_t epoch, std::int64_t w) const {
  const auto keyed = [&](std::uint64_t what, std::int64_t index) {
    return random_key(seed_, Stream::order,
                      {static_cast<std::uint64_t>(epoch), what, static_cast<std::uint64_t>(index)});
  };
  // The last, short block stays last, so that windows begin at multiples of the block.
  std::vector<std::int64_t> blocks(static_cast<std::size_t>(jets_ / block_jets));
  std::iota(blocks.begin(), blocks.end(), 0);
  shuffle(blocks, keyed(0, 0));
  std::vector<std::int64_t> jets;
  for (std::int64_t position = window_begin(w); position < window_begin(w + 1);) {
    const auto b = static_cast<std::size_t>(position / block_jets);
    const std::int64_t first = b < blocks.size() ? blocks[b] * block_jets : position;
    const std::int64_t count = std::min(block_jets, window_begin(w + 1) - position);
    for (std::int64_t i = 0; i < count; ++i) {
      jets.push_back(first + i);
    }
    position += count;
  }
  shuffle(jets, keyed(1, w));
  return jets;
}

std::int64_t jets_of_epoch(const JetSource& source) {
  return source.draws() == nullptr ? source.jets() : source.draws()->per_epoch();
}

TrainingJets::TrainingJets(const JetSource& source, GlobalOrder order,
                           const comm::Communicator& comm)
    : source_(source), order_(order), rank_(comm.rank()), size_(comm.size()) {
  if (order_.global_batch() < size_) {
    throw InputError(
        fmt::format("a global batch of {} jets leaves some of {} ranks without work; raise "
                    "--global-batch or use fewer ranks",
                    order_.global_batch(), size_));
  }
}

void TrainingJets::load(std::int64_t epoch, std::int64_t window) {
  if (epoch == loaded_epoch_ && window == loaded_window_) {
    return;
  }
  window_order_ = order_.window(epoch, window);
  if (const Draws* draws = source_.draws()) {
    for (std::int64_t& place : window_order_) {
      place = draws->jet(order_.seed(), epoch, place);
    }
  }
  std::vector<std::int64_t> own;
  const std::int64_t base = order_.window_begin(window);
  for (std::size_t i = 0; i < window_order_.size(); ++i) {
    const std::int64_t position = base + static_cast<std::int64_t>(i);
    const std::int64_t place = position % order_.global_batch();
    const std::int64_t global = order_.global_batch();
    if (place >= global * rank_ / size_ && place < global * (rank_ + 1) / size_) {
      own.push_back(window_order_[i]);
    }
  }
  std::sort(own.begin(), own.end());
  own.erase(std::unique(own.begin(), own.end()), own.end());
  held_ = JetBatch{};
  position_of_.clear();
  for (std::size_t i = 0; i < own.size();) {
    const std::int64_t first = own[i];
    const std::int64_t last = std::min(first + jets_per_read, source_.jets());
    std::vector<std::int64_t> wanted;
    for (; i < own.size() && own[i] < last; ++i) {
      position_of_.emplace(own[i], static_cast<std::int64_t>(position_of_.size()));
      wanted.push_back(own[i] - first);
    }
    append(held_, select(source_.read(first, first + wanted.back() + 1), wanted));
  }
  loaded_epoch_ = epoch;
  loaded_window_ = window;
}

JetBatch TrainingJets::batch(std::int64_t epoch, std::int64_t batch) {
  const std::int64_t global = order_.global_batch();
  const std::int64_t start = batch * order_.global_batch();
  JetBatch jets;
  // A batch may reach over the edge of a window.
  std::int64_t position = start + global * rank_ / size_;
  const std::int64_t end = start + global * (rank_ + 1) / size_;
  while (position < end) {
    std::int64_t window = 0;
    while (order_.window_begin(window + 1) <= position) {
      ++window;
    }
    load(epoch, window);
    std::vector<std::int64_t> places;
    for (; position < std::min(end, order_.window_begin(window + 1)); ++position) {
      const auto place = static_cast<std::size_t>(position - order_.window_begin(window));
      places.push_back(position_of_.at(window_order_[place]));
    }
    append(jets, select(held_, places));
  }
  return jets;
}

}  // namespace eebench::data
