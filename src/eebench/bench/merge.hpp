#pragma once

#include <cstdint>
#include <filesystem>

#include "eebench/bench/manifest.hpp"

namespace eebench::bench {

struct Merged {
  std::int64_t points = 0;   ///< in the file
  std::int64_t missing = 0;  ///< that the plan has beside them
  std::int64_t failed = 0;   ///< of those in the file
};

/// Writes merged.h5 into a campaign's folder: the points of all its tasks in the order of the grid,
/// repeat by repeat. Its variables refer to the task files, which stay where they are. Every task
/// is checked first: it must be finished, hold the points that the manifest gives it, and be
/// measured by the same program on the same kind of machine as the others. Throws InputError that
/// names what is missing, unless `partial`: then the file holds the points of finished tasks alone.
Merged merge(const std::filesystem::path& campaign, bool partial);

}  // namespace eebench::bench
