#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace eebench::model {

class Network;

/// Cost of a part of a network for one jet, by formula, averaged over jets.
struct MeanCost {
  std::int64_t parameters = 0;
  double multiply_adds = 0.0;
  double flops = 0.0;
  double bytes = 0.0;             ///< read and written
  double activation_bytes = 0.0;  ///< see Cost::activation_bytes
  double weaver_macs = 0.0;       ///< by the rules of weaver-core 0.4's counter
};

struct Piece {
  std::string name;  ///< "stem", "segment 0", "head 0", ...
  MeanCost cost;
};

struct Profile {
  std::vector<Piece> pieces;    ///< in the order in which a jet meets them
  std::vector<MeanCost> exits;  ///< [exits] of a jet that leaves there: every head on the way
  MeanCost plain;               ///< stem, all segments and the last head: no early heads
};

/// Over jets of these multiplicities, at least one.
Profile profile(const Network& network, std::span<const std::int64_t> multiplicities);

}  // namespace eebench::model
