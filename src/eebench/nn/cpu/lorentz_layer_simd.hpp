#pragma once

#include <cstdint>
#include <span>

namespace eebench::nn::cpu {

/// What a channel of nn::lorentz_layer_sums multiplies by and adds.
struct PairWeights {
  double pair = 0.0;
  double row = 0.0;
  double column = 0.0;
  double total = 0.0;
  double bias = 0.0;
  double diagonal_row = 0.0;
  double diagonal_total = 0.0;
  double diagonal_bias = 0.0;
};

/// One jet of it: vectors [n, 4], out [channels, 2].
void lorentz_layer(const float* vectors, std::int64_t n, std::span<const PairWeights> channels,
                   float* out);
void lorentz_layer(const double* vectors, std::int64_t n, std::span<const PairWeights> channels,
                   double* out);

}  // namespace eebench::nn::cpu
