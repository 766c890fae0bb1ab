#pragma once

#include <cstdint>

namespace eebench::nn::cpu {

/// Features [n (n + 1) / 2, 4] of the unordered pairs of one jet of n particles, vectors [n, 4], in
/// the order and with the meaning of nn::pair_features.
void pair_features(const float* vectors, std::int64_t n, float* out);

/// [n (n + 1) / 2, heads] to [heads, n, n], symmetric.
void mirror_pairs(const float* lower, std::int64_t n, std::int64_t heads, float* out);

}  // namespace eebench::nn::cpu
