#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "eebench/bench/campaign.hpp"
#include "eebench/bench/grid.hpp"
#include "eebench/bench/job.hpp"
#include "eebench/bench/suite.hpp"
#include "eebench/bench/task_file.hpp"
#include "eebench/comm/communicator.hpp"

namespace eebench::bench {

/// Points that one job measures, into a file of its own.
struct Shard {
  std::int64_t repeat = 0;           ///< process-level: the same points are measured in each
  JobSize job;                       ///< likewise
  std::vector<std::int64_t> points;  ///< places in the grid, ascending
  bool operator==(const Shard&) const = default;
};

/// What a campaign consists of: manifest.json.
struct Manifest {
  std::string suite;
  std::string config_toml;          ///< the effective suite
  std::vector<std::string> points;  ///< ids, in the order of the grid
  std::vector<Shard> shards;
};

/// The shards' tasks in order, for messages and arrays: "0-3" or "1,4".
std::string array_of(std::span<const std::int64_t> shards);

/// Divides the grid into at most `parts` shards, for each job size and `repeats` times. Points of a
/// network stay together, as they share its pass through all exits; within a network they are dealt
/// in an order drawn from the seed, so that what is expensive is spread. `seconds`: what each point
/// is expected to take, or any weight; no shard is empty.
std::vector<Shard> split(std::span<const Point> points, std::span<const double> seconds,
                         std::int64_t parts, std::span<const JobSize> jobs, std::int64_t repeats,
                         std::uint64_t seed);

Manifest make_manifest(const Suite& suite, std::span<const Point> points,
                       std::vector<Shard> shards);

/// Throws InputError where it is damaged.
Manifest read_manifest(const std::filesystem::path& path);
void write_manifest(const Manifest& manifest, const std::filesystem::path& path);

/// \collective Prepares a campaign's folder for measuring the shard that `folder` names. Writes
/// manifest.json where there is none, and else checks that it is about the same suite, weights and
/// data, that the shard is one of its own and for a job of this size, and that all tasks are
/// measured by the same program on the same processor, those of jobs of this size with as many
/// cores (of `provenance`).
/// Throws InputError naming what differs, or that the shard was begun already although `resume` is
/// not set.
Manifest claim_shard(const comm::Communicator& comm, const CampaignFolder& folder,
                     const Suite& suite, std::span<const Point> points, const JobSize& job,
                     const Attributes& provenance, bool resume);

}  // namespace eebench::bench
