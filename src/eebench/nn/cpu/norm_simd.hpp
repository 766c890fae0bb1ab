#pragma once

#include <cstdint>

namespace eebench::nn::cpu {

/// Mean and sum of squared deviations from it of every column of x [rows, channels].
void column_moments(const float* x, std::int64_t rows, std::int64_t channels, double* mean,
                    double* squares);

/// y[r, c] = x[r, c] * scale[c] + shift[c]; with relu, its positive part.
struct ScaleShift {
  const float* x;      ///< [rows, channels]
  const float* scale;  ///< [channels]
  const float* shift;  ///< [channels]
  bool relu;
  std::int64_t rows;
  std::int64_t channels;
};
void scale_shift(const ScaleShift& forward, float* y);

/// Of a gradient g [rows, channels] at y, set to 0 where the ReLU was: sum[c] of g and dot[c] of
/// g * (x - mean).
void norm_gradient_sums(const ScaleShift& forward, const float* gradient, const float* mean,
                        double* sum, double* dot);

/// out[r, c] = scale[c] * g[r, c] + slope[c] * x[r, c] + offset[c], g as above.
void norm_gradient(const ScaleShift& forward, const float* gradient, const float* slope,
                   const float* offset, float* out);

}  // namespace eebench::nn::cpu
