#include "eebench/nn/cpu/pool_simd.hpp"

#include <algorithm>
#include <cstddef>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "eebench/nn/cpu/pool_simd.cpp"
#include <hwy/foreach_target.h>
//
#include <hwy/aligned_allocator.h>
#include <hwy/contrib/math/math-inl.h>
#include <hwy/highway.h>
//
#include "eebench/nn/cpu/channels-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace eebench::nn::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// Scores repeated to as many columns as make whole vectors, so that the columns of any vector of
/// channels are a vector of them.
std::int64_t repeated_columns(std::int64_t maps, std::int64_t channels) {
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(hn::ScalableTag<float>()));
  return lanes % maps == 0 ? lanes : maps % lanes == 0 ? maps : channels;
}

/// Scores [rows, columns] to exponentials, and 1 / their sums a column.
HWY_INLINE void exponentials(float* weights, std::int64_t rows, std::int64_t columns,
                             float* inverse) {
  for_channels(columns, [=](auto d, std::int64_t c) HWY_ATTR {
    auto largest = hn::LoadU(d, weights + c);
    for (std::int64_t r = 1; r < rows; ++r) {
      largest = hn::Max(largest, hn::LoadU(d, weights + r * columns + c));
    }
    auto total = hn::Zero(d);
    for (std::int64_t r = 0; r < rows; ++r) {
      float* at = weights + r * columns + c;
      const auto weight = hn::Exp(d, hn::Sub(hn::LoadU(d, at), largest));
      hn::StoreU(weight, d, at);
      total = hn::Add(total, weight);
    }
    hn::StoreU(hn::Div(hn::Set(d, 1.0F), total), d, inverse + c);
  });
}

void softmax_pool(const SoftmaxPool& pool) {
  const std::int64_t channels = pool.channels;
  const std::int64_t columns = repeated_columns(pool.maps, channels);
  std::int64_t longest = 0;
  for (std::int64_t s = 0; s < pool.segments; ++s) {
    longest = std::max(longest, pool.offsets[s + 1] - pool.offsets[s]);
  }
  const auto scratch =
      hwy::AllocateAligned<float>(static_cast<std::size_t>((longest + 1) * columns));
  float* weights = scratch.get();
  float* inverse = weights + longest * columns;
  for (std::int64_t s = 0; s < pool.segments; ++s) {
    const std::int64_t rows = pool.offsets[s + 1] - pool.offsets[s];
    const float* scores = pool.scores + pool.offsets[s] * pool.maps;
    for (std::int64_t r = 0; r < rows; ++r) {
      for (std::int64_t c = 0; c < columns; c += pool.maps) {
        std::copy_n(scores + r * pool.maps, pool.maps, weights + r * columns + c);
      }
    }
    exponentials(weights, rows, columns, inverse);
    const float* values = pool.values + pool.offsets[s] * channels;
    float* out = pool.out + s * channels;
    for_channels(channels, [=](auto d, std::int64_t c) HWY_ATTR {
      const std::int64_t column = c % columns;
      auto sum = hn::Zero(d);
      for (std::int64_t r = 0; r < rows; ++r) {
        sum = hn::MulAdd(hn::LoadU(d, weights + r * columns + column),
                         hn::LoadU(d, values + r * channels + c), sum);
      }
      hn::StoreU(hn::Mul(sum, hn::LoadU(d, inverse + column)), d, out + c);
    });
  }
}

void sum_pool(const SumPool& pool) {
  const std::int64_t channels = pool.channels;
  for (std::int64_t s = 0; s < pool.segments; ++s) {
    const std::int64_t rows = pool.offsets[s + 1] - pool.offsets[s];
    const float* x = pool.x + pool.offsets[s] * channels;
    float* out = pool.out + s * channels;
    const float factor = pool.mean ? 1.0F / static_cast<float>(rows) : 1.0F;
    for_channels(channels, [=](auto d, std::int64_t c) HWY_ATTR {
      auto sum = hn::Zero(d);
      for (std::int64_t r = 0; r < rows; ++r) {
        sum = hn::Add(sum, hn::LoadU(d, x + r * channels + c));
      }
      hn::StoreU(hn::Mul(sum, hn::Set(d, factor)), d, out + c);
    });
  }
}

}  // namespace eebench::nn::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace eebench::nn::cpu {

HWY_EXPORT(softmax_pool);
HWY_EXPORT(sum_pool);

void softmax_pool(const SoftmaxPool& pool) { HWY_DYNAMIC_DISPATCH(softmax_pool)(pool); }
void sum_pool(const SumPool& pool) { HWY_DYNAMIC_DISPATCH(sum_pool)(pool); }

}  // namespace eebench::nn::cpu
#endif
