#include "eebench/nn/cpu/edge_simd.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "eebench/nn/cpu/edge_simd.cpp"
#include <hwy/foreach_target.h>
//
#include <hwy/highway.h>
//
#include "eebench/nn/cpu/channels-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace eebench::nn::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

void scatter_edges(const EdgeScatter& edges) {
  const std::int64_t channels = edges.channels;
  for (std::int64_t i = 0; i < edges.particles; ++i) {
    float* own = edges.own + i * channels;
    for (std::int64_t j = 0; j < edges.k; ++j) {
      const std::int64_t edge = i * edges.k + j;
      const std::int64_t row = edges.neighbours[edge];
      float* other = row < edges.particles ? edges.other + row * channels : nullptr;
      const float* in = edges.in + edge * channels;
      for_channels(channels, [=](auto d, std::int64_t c) HWY_ATTR {
        const auto value = hn::LoadU(d, in + c);
        hn::StoreU(hn::Add(hn::LoadU(d, own + c), value), d, own + c);
        if (other != nullptr) {
          hn::StoreU(hn::Add(hn::LoadU(d, other + c), value), d, other + c);
        }
      });
    }
  }
}

void gather_add(const EdgeGather& edges) {
  const std::int64_t channels = edges.channels;
  for (std::int64_t i = 0; i < edges.particles; ++i) {
    const float* own = edges.own + i * channels;
    for (std::int64_t j = 0; j < edges.k; ++j) {
      const std::int64_t edge = i * edges.k + j;
      const std::int64_t row = edges.neighbours[edge];
      const float* other = row < edges.rows ? edges.other + row * channels : nullptr;
      float* out = edges.out + edge * channels;
      for_channels(channels, [=](auto d, std::int64_t c) HWY_ATTR {
        auto sum = hn::LoadU(d, own + c);
        if (other != nullptr) {
          sum = hn::Add(sum, hn::LoadU(d, other + c));
        }
        hn::StoreU(edges.relu ? hn::Max(sum, hn::Zero(d)) : sum, d, out + c);
      });
    }
  }
}

void bias_relu_mean(const float* x, const float* bias, float* out, std::int64_t particles,
                    std::int64_t k, std::int64_t channels) {
  const float inverse = 1.0F / static_cast<float>(k);
  for (std::int64_t i = 0; i < particles; ++i) {
    const float* edges = x + i * k * channels;
    float* row = out + i * channels;
    for_channels(channels, [=](auto d, std::int64_t c) HWY_ATTR {
      const auto shift = hn::LoadU(d, bias + c);
      auto sum = hn::Zero(d);
      for (std::int64_t j = 0; j < k; ++j) {
        const auto value = hn::Add(hn::LoadU(d, edges + j * channels + c), shift);
        sum = hn::Add(sum, hn::Max(value, hn::Zero(d)));
      }
      hn::StoreU(hn::Mul(sum, hn::Set(d, inverse)), d, row + c);
    });
  }
}

void edge_sum_relu(const EdgeSum& sum) {
  const std::int64_t channels = sum.channels;
  for (std::int64_t e = 0; e < sum.edges; ++e) {
    const float* own = sum.own + sum.from[e] * channels;
    const float* other = sum.other + sum.to[e] * channels;
    float* x = sum.x + e * channels;
    for_channels(channels, [=](auto d, std::int64_t c) HWY_ATTR {
      const auto ends = hn::Add(hn::LoadU(d, own + c), hn::LoadU(d, other + c));
      hn::StoreU(hn::Max(hn::Add(hn::LoadU(d, x + c), ends), hn::Zero(d)), d, x + c);
    });
  }
}

}  // namespace eebench::nn::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace eebench::nn::cpu {

HWY_EXPORT(gather_add);
HWY_EXPORT(scatter_edges);
HWY_EXPORT(bias_relu_mean);
HWY_EXPORT(edge_sum_relu);

void gather_add(const EdgeGather& edges) { HWY_DYNAMIC_DISPATCH(gather_add)(edges); }
void scatter_edges(const EdgeScatter& edges) { HWY_DYNAMIC_DISPATCH(scatter_edges)(edges); }
void bias_relu_mean(const float* x, const float* bias, float* out, std::int64_t particles,
                    std::int64_t k, std::int64_t channels) {
  HWY_DYNAMIC_DISPATCH(bias_relu_mean)(x, bias, out, particles, k, channels);
}

void edge_sum_relu(const EdgeSum& sum) { HWY_DYNAMIC_DISPATCH(edge_sum_relu)(sum); }

}  // namespace eebench::nn::cpu
#endif
