#pragma once

#include <cstdint>
#include <span>

namespace eebench::nn::cpu {

/// Of the particles of one jet, vectors [n, 4], in nn::lorentz_products' order: out [n, n].
void lorentz_products(const float* vectors, std::int64_t n, float* out);
void lorentz_products(const double* vectors, std::int64_t n, double* out);

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

/// The particles of one jet, [firsts, 4] and [owns, 4].
template <class T>
struct VectorsOfJet {
  const T* first;
  std::int64_t firsts;
  const T* own;
  std::int64_t owns;
};

/// One jet of it: out [channels, 2].
void lorentz_layer(const VectorsOfJet<float>& jet, std::span<const PairWeights> channels,
                   float* out);
void lorentz_layer(const VectorsOfJet<double>& jet, std::span<const PairWeights> channels,
                   double* out);

}  // namespace eebench::nn::cpu
