#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace eebench::bench {

/// How long a point is measured.
struct Effort {
  std::string_view name;
  double max_warmup_seconds;  ///< 0: no warm-up
  std::int64_t min_samples;   ///< batches of a rank; in offline as many as make whole passes
  bool whole_passes;          ///< in single_stream too, each batch of the point at least once
  double min_seconds;         ///< on the slowest rank
  double max_seconds;         ///< wall clock, of what goes on until it is precise
  bool until_precise;         ///< go on until the median's interval is within 1 %
  std::int64_t kept_samples;  ///< length of the dimension `sample`
  std::int64_t bootstrap_replicas;
};

/// In order of rising effort: smoke, quick, standard, official.
std::span<const Effort> effort_registry();

/// Throws InputError listing the levels.
const Effort& parse_effort(std::string_view name);

}  // namespace eebench::bench
