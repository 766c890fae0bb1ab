#pragma once

#include <cstdint>

namespace eebench::nn::cpu {

/// y[r, c] = sign(x[r, c]) ((1 + |x[r, c]|)^g[c] - 1) / g[c]. x and y are row-major and dense.
struct SignedPower {
  const float* x;
  const float* exponents;
  float* y;
  std::int64_t rows;
  std::int64_t channels;
};
void signed_power(const SignedPower& power);

}  // namespace eebench::nn::cpu
