#include "eebench/model/profile.hpp"

#include <algorithm>
#include <map>
#include <utility>

#include <fmt/format.h>

#include "eebench/model/network.hpp"

namespace eebench::model {
namespace {

/// Several pieces one after another.
Cost joined(const Cost& a, const Cost& b) {
  return {a.work + b.work, a.parameters + b.parameters, a.weaver_macs + b.weaver_macs,
          std::max(a.activation_bytes, b.activation_bytes)};
}

void add(MeanCost& mean, const Cost& cost, double share) {
  mean.parameters = cost.parameters;
  mean.multiply_adds += share * static_cast<double>(cost.work.multiply_adds);
  mean.flops += share * static_cast<double>(cost.work.flops());
  mean.bytes += share * static_cast<double>(cost.work.bytes);
  mean.activation_bytes += share * static_cast<double>(cost.activation_bytes);
  mean.weaver_macs += share * static_cast<double>(cost.weaver_macs);
}

}  // namespace

Profile profile(const Network& network, std::span<const std::int64_t> multiplicities) {
  const std::int64_t exits = network.exits();
  Profile result;
  result.pieces.push_back({"stem", {}});
  for (std::int64_t k = 0; k < exits; ++k) {
    result.pieces.push_back({fmt::format("segment {}", k), {}});
    result.pieces.push_back({fmt::format("head {}", k), {}});
  }
  result.exits.resize(static_cast<std::size_t>(exits));

  std::map<std::int64_t, std::int64_t> jets_with;
  for (const std::int64_t n : multiplicities) {
    ++jets_with[n];
  }
  for (const auto& [n, jets] : jets_with) {
    const double share = static_cast<double>(jets) / static_cast<double>(multiplicities.size());
    Cost so_far = network.stem_cost(n);
    Cost plain = so_far;
    add(result.pieces[0].cost, so_far, share);
    for (std::int64_t k = 0; k < exits; ++k) {
      const auto exit = static_cast<std::size_t>(k);
      const Cost segment = network.segment_cost(k, n);
      const Cost head = network.head_cost(k, n);
      add(result.pieces[1 + 2 * exit].cost, segment, share);
      add(result.pieces[2 + 2 * exit].cost, head, share);
      so_far = joined(joined(so_far, segment), head);
      plain = joined(plain, segment);
      add(result.exits[exit], so_far, share);
    }
    add(result.plain, joined(plain, network.head_cost(exits - 1, n)), share);
  }
  return result;
}

}  // namespace eebench::model
