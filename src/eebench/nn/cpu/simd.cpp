#include "eebench/nn/cpu/simd.hpp"

#include <cmath>
#include <cstddef>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "eebench/nn/cpu/simd.cpp"
#include <hwy/foreach_target.h>
//
#include <hwy/aligned_allocator.h>
#include <hwy/contrib/math/math-inl.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace eebench::nn::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;

std::size_t round_up(std::size_t count, std::size_t multiple) {
  return (count + multiple - 1) / multiple * multiple;
}

/// One block of Rows rows and two vectors of outputs; panel is [in, 2 * lanes].
template <std::size_t Rows>
void linear_block(const float* x, const float* panel, const float* bias, float* y, std::size_t in,
                  std::size_t y_stride) {
  const D d;
  const std::size_t lanes = hn::Lanes(d);
  V low[Rows];
  V high[Rows];
  for (std::size_t r = 0; r < Rows; ++r) {
    low[r] = hn::Load(d, bias);
    high[r] = hn::Load(d, bias + lanes);
  }
  for (std::size_t i = 0; i < in; ++i) {
    const V w_low = hn::Load(d, panel + i * 2 * lanes);
    const V w_high = hn::Load(d, panel + i * 2 * lanes + lanes);
    for (std::size_t r = 0; r < Rows; ++r) {
      const V value = hn::Set(d, x[r * in + i]);
      low[r] = hn::MulAdd(value, w_low, low[r]);
      high[r] = hn::MulAdd(value, w_high, high[r]);
    }
  }
  for (std::size_t r = 0; r < Rows; ++r) {
    hn::StoreU(low[r], d, y + r * y_stride);
    hn::StoreU(high[r], d, y + r * y_stride + lanes);
  }
}

void linear_fixed_order(const float* x, const float* weight, const float* bias, float* y,
                        std::int64_t rows_signed, std::int64_t in_signed, std::int64_t out_signed) {
  const D d;
  const std::size_t width = 2 * hn::Lanes(d);
  const auto rows = static_cast<std::size_t>(rows_signed);
  const auto in = static_cast<std::size_t>(in_signed);
  const auto out = static_cast<std::size_t>(out_signed);
  constexpr std::size_t block = 6;
  const auto panel = hwy::AllocateAligned<float>(in * width);
  const auto panel_bias = hwy::AllocateAligned<float>(width);
  const auto tail = hwy::AllocateAligned<float>(block * width);
  for (std::size_t first = 0; first < out; first += width) {
    const std::size_t columns = out - first < width ? out - first : width;
    for (std::size_t o = 0; o < width; ++o) {
      const bool real = o < columns;
      panel_bias[o] = real && bias != nullptr ? bias[first + o] : 0.0F;
      for (std::size_t i = 0; i < in; ++i) {
        panel[i * width + o] = real ? weight[(first + o) * in + i] : 0.0F;
      }
    }
    // A panel narrower than two vectors is computed beside y and copied.
    const bool direct = columns == width;
    for (std::size_t row = 0; row < rows; row += block) {
      const std::size_t count = rows - row < block ? rows - row : block;
      float* target = direct ? y + row * out + first : tail.get();
      const std::size_t stride = direct ? out : width;
      const float* source = x + row * in;
      switch (count) {
        case 6:
          linear_block<6>(source, panel.get(), panel_bias.get(), target, in, stride);
          break;
        case 5:
          linear_block<5>(source, panel.get(), panel_bias.get(), target, in, stride);
          break;
        case 4:
          linear_block<4>(source, panel.get(), panel_bias.get(), target, in, stride);
          break;
        case 3:
          linear_block<3>(source, panel.get(), panel_bias.get(), target, in, stride);
          break;
        case 2:
          linear_block<2>(source, panel.get(), panel_bias.get(), target, in, stride);
          break;
        default:
          linear_block<1>(source, panel.get(), panel_bias.get(), target, in, stride);
      }
      for (std::size_t r = 0; !direct && r < count; ++r) {
        for (std::size_t o = 0; o < columns; ++o) {
          y[(row + r) * out + first + o] = tail[r * width + o];
        }
      }
    }
  }
}

/// erf by a rational approximation on [-4, 4], where float32 erf has reached +-1 outside; the
/// coefficients are those of the minimax fit used by Eigen and XLA. Error below 4e-7.
V erf(V x) {
  const D d;
  x = hn::Min(hn::Max(x, hn::Set(d, -4.0F)), hn::Set(d, 4.0F));
  const V x2 = hn::Mul(x, x);
  V p = hn::Set(d, -2.72614225801306e-10F);
  p = hn::MulAdd(p, x2, hn::Set(d, 2.77068142495902e-08F));
  p = hn::MulAdd(p, x2, hn::Set(d, -2.10102402082508e-06F));
  p = hn::MulAdd(p, x2, hn::Set(d, -5.69250639462346e-05F));
  p = hn::MulAdd(p, x2, hn::Set(d, -7.34990630326855e-04F));
  p = hn::MulAdd(p, x2, hn::Set(d, -2.95459980854025e-03F));
  p = hn::MulAdd(p, x2, hn::Set(d, -1.60960333262415e-02F));
  V q = hn::Set(d, -1.45660718464996e-05F);
  q = hn::MulAdd(q, x2, hn::Set(d, -2.13374055278905e-04F));
  q = hn::MulAdd(q, x2, hn::Set(d, -1.68282697438203e-03F));
  q = hn::MulAdd(q, x2, hn::Set(d, -7.37332916720468e-03F));
  q = hn::MulAdd(q, x2, hn::Set(d, -1.42647390514189e-02F));
  return hn::Div(hn::Mul(x, p), q);
}

V gelu_of(V x) {
  const D d;
  const V half = hn::Mul(x, hn::Set(d, 0.5F));
  return hn::MulAdd(half, erf(hn::Mul(x, hn::Set(d, 0.70710678118654752F))), half);
}

void gelu(float* x, std::int64_t count_signed) {
  const D d;
  const std::size_t lanes = hn::Lanes(d);
  const auto count = static_cast<std::size_t>(count_signed);
  std::size_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    hn::StoreU(gelu_of(hn::LoadU(d, x + i)), d, x + i);
  }
  if (i < count) {
    HWY_ALIGN float rest[HWY_MAX_BYTES / sizeof(float)] = {};
    for (std::size_t j = i; j < count; ++j) {
      rest[j - i] = x[j];
    }
    hn::Store(gelu_of(hn::Load(d, rest)), d, rest);
    for (std::size_t j = i; j < count; ++j) {
      x[j] = rest[j - i];
    }
  }
}

void attention(const AttentionJet& jet) {
  const D d;
  const std::size_t lanes = hn::Lanes(d);
  const auto keys = static_cast<std::size_t>(jet.keys);
  const auto queries = static_cast<std::size_t>(jet.queries);
  const auto dim = static_cast<std::size_t>(jet.head_dim);
  const auto heads = static_cast<std::size_t>(jet.heads);
  const auto q_stride = static_cast<std::size_t>(jet.q_stride);
  const auto kv_stride = static_cast<std::size_t>(jet.kv_stride);
  const std::size_t key_width = round_up(keys, lanes);
  const std::size_t dim_width = round_up(dim, lanes);
  const auto keys_t = hwy::AllocateAligned<float>(dim * key_width);   // [d, keys]
  const auto values = hwy::AllocateAligned<float>(keys * dim_width);  // [keys, d]
  const auto weights = hwy::AllocateAligned<float>(key_width);
  const auto result = hwy::AllocateAligned<float>(dim_width);
  const float scale = 1.0F / std::sqrt(static_cast<float>(dim));
  for (std::size_t h = 0; h < heads; ++h) {
    for (std::size_t j = 0; j < key_width; ++j) {
      for (std::size_t c = 0; c < dim; ++c) {
        keys_t[c * key_width + j] = j < keys ? jet.k[j * kv_stride + h * dim + c] * scale : 0.0F;
      }
    }
    for (std::size_t j = 0; j < keys; ++j) {
      for (std::size_t c = 0; c < dim_width; ++c) {
        values[j * dim_width + c] = c < dim ? jet.v[j * kv_stride + h * dim + c] : 0.0F;
      }
    }
    for (std::size_t i = 0; i < queries; ++i) {
      const float* q = jet.q + i * q_stride + h * dim;
      const float* bias = jet.bias == nullptr ? nullptr : jet.bias + (h * queries + i) * keys;
      for (std::size_t j = 0; j < key_width; ++j) {
        weights[j] = j >= keys ? -1e30F : bias != nullptr ? bias[j] : 0.0F;
      }
      V largest = hn::Set(d, -1e30F);
      for (std::size_t j = 0; j < key_width; j += lanes) {
        V score = hn::Load(d, weights.get() + j);
        for (std::size_t c = 0; c < dim; ++c) {
          score =
              hn::MulAdd(hn::Set(d, q[c]), hn::Load(d, keys_t.get() + c * key_width + j), score);
        }
        hn::Store(score, d, weights.get() + j);
        largest = hn::Max(largest, score);
      }
      largest = hn::MaxOfLanes(d, largest);
      V total = hn::Zero(d);
      for (std::size_t j = 0; j < key_width; j += lanes) {
        const V shifted = hn::Sub(hn::Load(d, weights.get() + j), largest);
        const V weight = hn::Exp(d, hn::Max(shifted, hn::Set(d, -87.0F)));
        hn::Store(weight, d, weights.get() + j);
      }
      for (std::size_t j = keys; j < key_width; ++j) {
        weights[j] = 0.0F;
      }
      for (std::size_t j = 0; j < key_width; j += lanes) {
        total = hn::Add(total, hn::Load(d, weights.get() + j));
      }
      const V inverse = hn::Div(hn::Set(d, 1.0F), hn::SumOfLanes(d, total));
      for (std::size_t c = 0; c < dim_width; c += lanes) {
        V sum = hn::Zero(d);
        for (std::size_t j = 0; j < keys; ++j) {
          sum = hn::MulAdd(hn::Set(d, weights[j]), hn::Load(d, values.get() + j * dim_width + c),
                           sum);
        }
        hn::Store(hn::Mul(sum, inverse), d, result.get() + c);
      }
      float* out = jet.out + i * heads * dim + h * dim;
      for (std::size_t c = 0; c < dim; ++c) {
        out[c] = result[c];
      }
    }
  }
}

}  // namespace eebench::nn::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace eebench::nn::cpu {

HWY_EXPORT(linear_fixed_order);
HWY_EXPORT(gelu);
HWY_EXPORT(attention);

void linear_fixed_order(const float* x, const float* weight, const float* bias, float* y,
                        std::int64_t rows, std::int64_t in, std::int64_t out) {
  HWY_DYNAMIC_DISPATCH(linear_fixed_order)(x, weight, bias, y, rows, in, out);
}
void gelu(float* x, std::int64_t count) { HWY_DYNAMIC_DISPATCH(gelu)(x, count); }
void attention(const AttentionJet& jet) { HWY_DYNAMIC_DISPATCH(attention)(jet); }

}  // namespace eebench::nn::cpu
#endif
