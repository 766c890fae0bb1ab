#include <cstdint>
#include <stdexcept>

#include "eebench/nn/cpu/edge_simd.hpp"
#include "eebench/nn/cpu/norm_simd.hpp"
#include "eebench/nn/cpu/simd.hpp"

// The fused CPU kernels need Highway, which a bare GPU machine lacks. These tests compare with the
// ATen form in float64, which never calls them.
namespace eebench::nn::cpu {

void linear_fixed_order(const float*, const float*, const float*, float*, std::int64_t,
                        std::int64_t, std::int64_t) {
  throw std::logic_error("fused linear called in the CUDA tests");
}
void gelu(float*, std::int64_t) { throw std::logic_error("fused gelu called in the CUDA tests"); }
void attention(const AttentionJet&) {
  throw std::logic_error("fused attention called in the CUDA tests");
}
void gather_add(const EdgeGather&) {
  throw std::logic_error("fused edges called in the CUDA tests");
}
void scatter_edges(const EdgeScatter&) {
  throw std::logic_error("fused edge gradient called in the CUDA tests");
}
void bias_relu(float*, const float*, std::int64_t, std::int64_t) {
  throw std::logic_error("fused bias called in the CUDA tests");
}
void bias_relu_mean(const float*, const float*, float*, std::int64_t, std::int64_t, std::int64_t) {
  throw std::logic_error("fused mean called in the CUDA tests");
}
void column_moments(const float*, std::int64_t, std::int64_t, double*, double*) {
  throw std::logic_error("fused moments called in the CUDA tests");
}
void scale_shift(const ScaleShift&, float*) {
  throw std::logic_error("fused norm called in the CUDA tests");
}
void norm_gradient_sums(const ScaleShift&, const float*, const float*, double*, double*) {
  throw std::logic_error("fused norm gradient called in the CUDA tests");
}
void norm_gradient(const ScaleShift&, const float*, const float*, const float*, float*) {
  throw std::logic_error("fused norm gradient called in the CUDA tests");
}

}  // namespace eebench::nn::cpu
