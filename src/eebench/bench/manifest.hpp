#pragma once

#include <span>
#include <string>

#include "eebench/bench/campaign.hpp"

namespace eebench::bench {

/// \collective Writes manifest.json into a new campaign; on resume checks that it is about the same
/// suite, ranks, weights and data, and goes on on the same processor with as many cores and threads
/// (of `provenance`). Throws InputError naming what differs, or that there is a campaign already.
void write_or_check_manifest(const comm::Communicator& comm, const CampaignFolder& folder,
                             const Suite& suite, std::span<const Point> points,
                             const Attributes& provenance, bool resume);

}  // namespace eebench::bench
