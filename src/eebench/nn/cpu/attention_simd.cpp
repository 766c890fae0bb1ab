#include "eebench/nn/cpu/attention_simd.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "eebench/nn/cpu/attention_simd.cpp"
#include <hwy/foreach_target.h>
//
#include <hwy/aligned_allocator.h>
#include <hwy/contrib/math/math-inl.h>
#include <hwy/highway.h>
//
#include "eebench/nn/cpu/partial-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace eebench::nn::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;

/// Queries that are worked on together: each loaded key and value serves all of them.
constexpr std::size_t queries_of_block = 8;

/// Some queries of one head of a jet.
struct Head {
  const float* q;
  const float* keys_t;  ///< [d, key_width], scaled, zeros behind the last key
  const float* v;
  const float* bias;
  float* out;
  float* weights;  ///< scratch [queries_of_block, key_width]
  std::size_t q_stride;
  std::size_t v_stride;
  std::size_t out_stride;
  std::size_t keys;
  std::size_t key_width;
  std::size_t dim;
};

/// weights = q k^T / sqrt(d) + bias, very negative behind the last key.
template <std::size_t Queries>
HWY_INLINE void scores(const Head& head) {
  const D d;
  for (std::size_t j = 0; j < head.key_width; j += hn::Lanes(d)) {
    const std::size_t here = head.keys - j;
    V sum[Queries];
    for (std::size_t i = 0; i < Queries; ++i) {
      sum[i] =
          head.bias == nullptr ? hn::Zero(d) : load_up_to(d, head.bias + i * head.keys + j, here);
    }
    for (std::size_t c = 0; c < head.dim; ++c) {
      const V key = hn::Load(d, head.keys_t + c * head.key_width + j);
      for (std::size_t i = 0; i < Queries; ++i) {
        sum[i] = hn::MulAdd(hn::Set(d, head.q[i * head.q_stride + c]), key, sum[i]);
      }
    }
    for (std::size_t i = 0; i < Queries; ++i) {
      if (here < hn::Lanes(d)) {
        sum[i] = hn::IfThenElse(hn::FirstN(d, here), sum[i], hn::Set(d, -1e30F));
      }
      hn::Store(sum[i], d, head.weights + i * head.key_width + j);
    }
  }
}

/// A row of scores to exponentials, 0 behind the last key. Returns 1 / their sum in all lanes.
HWY_INLINE V exponentials(float* row, std::size_t key_width) {
  const D d;
  V largest = hn::Load(d, row);
  for (std::size_t j = hn::Lanes(d); j < key_width; j += hn::Lanes(d)) {
    largest = hn::Max(largest, hn::Load(d, row + j));
  }
  largest = hn::MaxOfLanes(d, largest);
  V total = hn::Zero(d);
  for (std::size_t j = 0; j < key_width; j += hn::Lanes(d)) {
    const V weight = hn::Exp(d, hn::Sub(hn::Load(d, row + j), largest));
    hn::Store(weight, d, row + j);
    total = hn::Add(total, weight);
  }
  return hn::Div(hn::Set(d, 1.0F), hn::SumOfLanes(d, total));
}

template <std::size_t Queries>
HWY_INLINE void attend(const Head& head) {
  const D d;
  scores<Queries>(head);
  V inverse[Queries];
  for (std::size_t i = 0; i < Queries; ++i) {
    inverse[i] = exponentials(head.weights + i * head.key_width, head.key_width);
  }
  for (std::size_t c = 0; c < head.dim; c += hn::Lanes(d)) {
    const std::size_t here = head.dim - c;
    V sum[Queries];
    for (std::size_t i = 0; i < Queries; ++i) {
      sum[i] = hn::Zero(d);
    }
    for (std::size_t j = 0; j < head.keys; ++j) {
      const V value = load_up_to(d, head.v + j * head.v_stride + c, here);
      for (std::size_t i = 0; i < Queries; ++i) {
        sum[i] = hn::MulAdd(hn::Set(d, head.weights[i * head.key_width + j]), value, sum[i]);
      }
    }
    for (std::size_t i = 0; i < Queries; ++i) {
      store_up_to(d, hn::Mul(sum[i], inverse[i]), head.out + i * head.out_stride + c, here);
    }
  }
}

template <std::size_t Queries>
HWY_INLINE void attend_some(std::size_t queries, const Head& head) {
  if (queries == Queries) {
    attend<Queries>(head);
  } else if constexpr (Queries > 1) {
    attend_some<Queries - 1>(queries, head);
  }
}

void attention(const AttentionJet& jet) {
  const std::size_t lanes = hn::Lanes(D());
  const auto keys = static_cast<std::size_t>(jet.keys);
  const auto queries = static_cast<std::size_t>(jet.queries);
  const auto dim = static_cast<std::size_t>(jet.head_dim);
  const auto heads = static_cast<std::size_t>(jet.heads);
  const auto q_stride = static_cast<std::size_t>(jet.q_stride);
  const auto kv_stride = static_cast<std::size_t>(jet.kv_stride);
  const std::size_t key_width = (keys + lanes - 1) / lanes * lanes;
  const auto keys_t = hwy::AllocateAligned<float>(dim * key_width);
  const auto weights = hwy::AllocateAligned<float>(queries_of_block * key_width);
  std::fill_n(keys_t.get(), dim * key_width, 0.0F);
  const float scale = 1.0F / std::sqrt(static_cast<float>(dim));
  for (std::size_t h = 0; h < heads; ++h) {
    for (std::size_t j = 0; j < keys; ++j) {
      for (std::size_t c = 0; c < dim; ++c) {
        keys_t[c * key_width + j] = jet.k[j * kv_stride + h * dim + c] * scale;
      }
    }
    for (std::size_t i = 0; i < queries; i += queries_of_block) {
      const Head head{.q = jet.q + i * q_stride + h * dim,
                      .keys_t = keys_t.get(),
                      .v = jet.v + h * dim,
                      .bias = jet.bias == nullptr ? nullptr : jet.bias + (h * queries + i) * keys,
                      .out = jet.out + i * heads * dim + h * dim,
                      .weights = weights.get(),
                      .q_stride = q_stride,
                      .v_stride = kv_stride,
                      .out_stride = heads * dim,
                      .keys = keys,
                      .key_width = key_width,
                      .dim = dim};
      attend_some<queries_of_block>(std::min(queries_of_block, queries - i), head);
    }
  }
}

}  // namespace eebench::nn::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace eebench::nn::cpu {

HWY_EXPORT(attention);

void attention(const AttentionJet& jet) { HWY_DYNAMIC_DISPATCH(attention)(jet); }

}  // namespace eebench::nn::cpu
#endif
