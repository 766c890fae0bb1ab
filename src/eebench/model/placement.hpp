#pragma once

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "eebench/core/error.hpp"

namespace eebench::model {

/// Where the early exits of a network of `blocks` blocks stand: after which of them, 1-based.
class Placement {
 public:
  /// Throws InputError unless `after` rises and lies between 1 and blocks - 1; `counted` is what
  /// the user calls the number of blocks.
  Placement(std::vector<std::int64_t> after, std::int64_t blocks,
            std::string_view counted = "blocks")
      : ends_(std::move(after)) {
    std::int64_t previous = 0;
    for (const std::int64_t end : ends_) {
      if (end <= previous || end >= blocks) {
        throw InputError(
            fmt::format("model configuration: exits.after must rise and lie between 1 and {} - 1 = "
                        "{}; found {}",
                        counted, blocks - 1, end));
      }
      previous = end;
    }
    ends_.push_back(blocks);
  }

  /// The network's own classifier counted.
  std::int64_t exits() const { return static_cast<std::int64_t>(ends_.size()); }
  bool early(std::int64_t exit) const { return exit + 1 < exits(); }
  /// Blocks [first, last) of segment k.
  std::pair<std::int64_t, std::int64_t> blocks_of(std::int64_t k) const {
    const auto segment = static_cast<std::size_t>(k);
    return {segment == 0 ? 0 : ends_[segment - 1], ends_[segment]};
  }
  /// The segment of a block, counted from 0.
  std::int64_t segment_of(std::int64_t block) const {
    return std::upper_bound(ends_.begin(), ends_.end(), block) - ends_.begin();
  }

 private:
  std::vector<std::int64_t> ends_;
};

/// 3 of "blocks.3.fc1.weight" and the group "blocks"; nothing for a name that is not of the group.
inline std::optional<std::int64_t> number_in(std::string_view group, std::string_view name) {
  if (!name.starts_with(group) || name.substr(group.size(), 1) != ".") {
    return {};
  }
  std::int64_t number = 0;
  std::from_chars(name.data() + group.size() + 1, name.data() + name.size(), number);
  return number;
}

/// Network::segment_of for the usual names: early heads are "exits.<k>", blocks lie numbered in the
/// groups `blocks`, the stem in the groups `stem`, and all else is of the last head.
inline std::int64_t segment_of(std::string_view name, const Placement& placement,
                               std::initializer_list<std::string_view> stem,
                               std::initializer_list<std::string_view> blocks) {
  if (const auto exit = number_in("exits", name)) {
    return *exit;
  }
  for (const std::string_view group : stem) {
    if (number_in(group, name)) {
      return 0;
    }
  }
  for (const std::string_view group : blocks) {
    if (const auto block = number_in(group, name)) {
      return placement.segment_of(*block);
    }
  }
  return placement.exits() - 1;
}

}  // namespace eebench::model
