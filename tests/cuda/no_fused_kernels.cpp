#include <cstdint>
#include <stdexcept>

#include "eebench/nn/cpu/attention_simd.hpp"
#include "eebench/nn/cpu/dense_simd.hpp"
#include "eebench/nn/cpu/edge_simd.hpp"
#include "eebench/nn/cpu/int8_simd.hpp"
#include "eebench/nn/cpu/layer_norm_simd.hpp"
#include "eebench/nn/cpu/lorentz_layer_simd.hpp"
#include "eebench/nn/cpu/norm_simd.hpp"
#include "eebench/nn/cpu/pair_simd.hpp"
#include "eebench/nn/cpu/pool_simd.hpp"
#include "eebench/nn/cpu/power_simd.hpp"

// The fused CPU kernels need Highway, which a bare GPU machine lacks. These tests compare with the
// ATen form in float64, which never calls them.
namespace eebench::nn::cpu {
namespace {

[[noreturn]] void called() { throw std::logic_error("a fused kernel called in the CUDA tests"); }

}  // namespace

void pack_panels(const float*, std::int64_t, std::int64_t, float*) { called(); }
void linear(const DenseLayer&) { called(); }
void gelu(float*, std::int64_t) { called(); }
void pack_int8(const std::int8_t*, std::int64_t, std::int64_t, std::int32_t*) { called(); }
void linear(const Int8Layer&) { called(); }
void attention(const AttentionJet&) { called(); }
void layer_norm(const LayerNormRows&) { called(); }
void pair_features(const float*, std::int64_t, float*) { called(); }
void mirror_pairs(const float*, std::int64_t, std::int64_t, float*) { called(); }
void gather_add(const EdgeGather&) { called(); }
void scatter_edges(const EdgeScatter&) { called(); }
void bias_relu_mean(const float*, const float*, float*, std::int64_t, std::int64_t, std::int64_t) {
  called();
}
void edge_sum_relu(const EdgeSum&) { called(); }
void softmax_pool(const SoftmaxPool&) { called(); }
void sum_pool(const SumPool&) { called(); }
void signed_power(const SignedPower&) { called(); }
void lorentz_products(const float*, std::int64_t, float*) { called(); }
/// The one that float64 on a CPU needs too.
void lorentz_products(const double* vectors, std::int64_t n, double* out) {
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t j = 0; j < n; ++j) {
      const double* p = vectors + 4 * i;
      const double* q = vectors + 4 * j;
      *out++ = p[3] * q[3] - p[0] * q[0] - p[1] * q[1] - p[2] * q[2];
    }
  }
}
void lorentz_layer(const VectorsOfJet<float>&, std::span<const PairWeights>, float*) { called(); }
void lorentz_layer(const VectorsOfJet<double>&, std::span<const PairWeights>, double*) { called(); }
void column_moments(const float*, std::int64_t, std::int64_t, double*, double*) { called(); }
void scale_shift(const ScaleShift&, float*) { called(); }
void norm_gradient_sums(const ScaleShift&, const float*, const float*, double*, double*) {
  called();
}
void norm_gradient(const ScaleShift&, const float*, const float*, const float*, float*) {
  called();
}

}  // namespace eebench::nn::cpu
