#pragma once

#include <cstdint>
#include <filesystem>
#include <limits>
#include <string>
#include <vector>

#include "eebench/model/weights.hpp"

namespace eebench::deploy {

/// A link that is not there, emulated by handing messages over later.
struct Link {
  double latency = 0.0;                                        ///< s
  double bandwidth = std::numeric_limits<double>::infinity();  ///< byte/s

  bool emulated() const { return latency > 0.0 || bandwidth < 1e300; }
};

/// Ranks that run the same consecutive segments of a network.
struct Tier {
  std::string name;
  std::int64_t segments = 1;
  std::int64_t ranks = 1;
  std::vector<double> thresholds;  ///< one for all its early exits, or one for each
  Link link;                       ///< from the tier before, and back
};

/// How a network is cut into tiers and what it is asked. Ranks of MPI belong to the tiers in order.
struct Plan {
  std::string where;              ///< file it was read from, for errors
  std::string text;               ///< that file
  std::string model;              ///< configuration; empty: the one in the weights
  std::string features;           ///< empty: the model's
  std::filesystem::path weights;  ///< of the whole network, or else
  std::filesystem::path pieces;   ///< folder with a file <tier>.h5 for each tier
  std::filesystem::path data;
  std::int64_t jets = 0;  ///< the first so many; 0: all
  std::string rule = "confidence";
  std::int64_t batch = 64;  ///< most jets that a rank runs at once
  std::int64_t window = 4;  ///< most batches under way from one rank to another
  std::vector<Tier> tiers;

  std::int64_t ranks() const;
  /// Segments of a tier.
  model::Segments segments_of(std::size_t tier) const;
  /// Ranks of the tiers before.
  std::int64_t first_rank(std::size_t tier) const;
  std::size_t tier_of(std::int64_t rank) const;
  /// Where the weights of a tier lie.
  std::filesystem::path weights_of(std::size_t tier) const;
  bool emulated() const;
};

/// Paths count from the folder of the file. Throws InputError.
Plan load_plan(const std::filesystem::path& file);

/// Threshold of each early exit, [exits - 1]. Throws InputError unless the plan fits a network of
/// so many exits.
std::vector<double> thresholds_for(const Plan& plan, std::int64_t exits);

/// Throws InputError unless there are as many ranks as the tiers have.
void check_ranks(const Plan& plan, int ranks);

}  // namespace eebench::deploy
