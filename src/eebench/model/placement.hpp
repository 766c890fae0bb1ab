#pragma once

#include <cstdint>
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

 private:
  std::vector<std::int64_t> ends_;
};

}  // namespace eebench::model
