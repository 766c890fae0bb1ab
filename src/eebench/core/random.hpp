#pragma once

#include <cstdint>
#include <initializer_list>

namespace eebench {

/// Counter-based random numbers: every draw is a pure function of its key, so that it does not
/// depend on how work is divided over ranks, threads or batches.
/// Mixing function of SplitMix64 (Steele, Lea, Flood, OOPSLA 2014).
constexpr std::uint64_t mix64(std::uint64_t x) {
  x += 0x9E3779B97F4A7C15ULL;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ULL;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBULL;
  return x ^ (x >> 31);
}

/// Independent uses of randomness; part of every key.
enum class Stream : std::uint64_t { weights, order, dropout, arrivals, bootstrap, split };

/// Key of a draw, e.g. key(seed, Stream::dropout, {step, jet, site}).
constexpr std::uint64_t random_key(std::uint64_t seed, Stream stream,
                                   std::initializer_list<std::uint64_t> indices) {
  std::uint64_t state = mix64(mix64(seed) ^ static_cast<std::uint64_t>(stream));
  for (const std::uint64_t index : indices) {
    state = mix64(state ^ index);
  }
  return state;
}

/// Uniform in [0, 1) from a key and a counter.
constexpr double uniform(std::uint64_t key, std::uint64_t counter) {
  return static_cast<double>(mix64(key ^ mix64(counter)) >> 11) * 0x1.0p-53;
}

}  // namespace eebench
