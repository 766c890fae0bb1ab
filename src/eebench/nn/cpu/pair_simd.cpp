#include "eebench/nn/cpu/pair_simd.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numbers>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "eebench/nn/cpu/pair_simd.cpp"
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

/// What the features of a pair need of its particles.
enum Column : std::size_t { pt, rapidity, phi, px, py, pz, energy, columns };

/// `to` is [columns, width].
void fill_columns(const float* vectors, std::size_t n, std::size_t width, float* to) {
  for (std::size_t i = 0; i < n; ++i) {
    const float x = vectors[4 * i];
    const float y = vectors[4 * i + 1];
    const float z = vectors[4 * i + 2];
    const float e = vectors[4 * i + 3];
    to[pt * width + i] = std::sqrt(x * x + y * y);
    to[rapidity * width + i] = 0.5F * std::log(1.0F + 2.0F * z / std::max(e - z, 1e-20F));
    to[phi * width + i] = std::atan2(y, x);
    to[px * width + i] = x;
    to[py * width + i] = y;
    to[pz * width + i] = z;
    to[energy * width + i] = e;
  }
}

HWY_INLINE V clipped_log(V x) {
  const D d;
  return hn::Log(d, hn::Max(x, hn::Set(d, 1e-8F)));
}

/// Difference of two angles in [-pi, pi] to [-pi, pi).
HWY_INLINE V wrapped(V difference) {
  const D d;
  const V turn = hn::Set(d, static_cast<float>(2.0 * std::numbers::pi));
  const V half_turn = hn::Set(d, static_cast<float>(std::numbers::pi));
  V angle = hn::Add(difference, half_turn);
  angle = hn::IfThenElse(hn::Lt(angle, hn::Zero(d)), hn::Add(angle, turn), angle);
  angle = hn::IfThenElse(hn::Ge(angle, turn), hn::Sub(angle, turn), angle);
  return hn::Sub(angle, half_turn);
}

void pair_features(const float* vectors, std::int64_t particles, float* out) {
  const D d;
  const std::size_t lanes = hn::Lanes(d);
  const auto n = static_cast<std::size_t>(particles);
  const std::size_t width = (n + lanes - 1) / lanes * lanes;
  const auto table = hwy::AllocateAligned<float>(columns * width);
  std::fill_n(table.get(), columns * width, 0.0F);
  fill_columns(vectors, n, width, table.get());
  HWY_ALIGN float rest[4 * HWY_MAX_BYTES / sizeof(float)];
  for (std::size_t i = 0; i < n; ++i) {
    const auto of_i = [&](Column column) HWY_ATTR { return hn::Set(d, table[column * width + i]); };
    for (std::size_t j = 0; j <= i; j += lanes) {
      const auto of_j = [&](Column column)
                            HWY_ATTR { return hn::Load(d, &table[column * width + j]); };
      const V dphi = wrapped(hn::Sub(of_i(phi), of_j(phi)));
      const V dy = hn::Sub(of_i(rapidity), of_j(rapidity));
      const V delta = hn::Sqrt(hn::Add(hn::Mul(dy, dy), hn::Mul(dphi, dphi)));
      const V smaller = hn::Min(of_i(pt), of_j(pt));
      const V sum_pt = hn::Max(hn::Add(of_i(pt), of_j(pt)), hn::Set(d, 1e-8F));
      const V x = hn::Add(of_i(px), of_j(px));
      const V y = hn::Add(of_i(py), of_j(py));
      const V z = hn::Add(of_i(pz), of_j(pz));
      const V e = hn::Add(of_i(energy), of_j(energy));
      const V momentum2 = hn::Add(hn::Add(hn::Mul(x, x), hn::Mul(y, y)), hn::Mul(z, z));
      const V mass2 = hn::Sub(hn::Mul(e, e), momentum2);
      const std::size_t here = std::min(lanes, i + 1 - j);
      float* to = here == lanes ? out : rest;
      hn::StoreInterleaved4(clipped_log(hn::Mul(smaller, delta)),
                            clipped_log(hn::Div(smaller, sum_pt)), clipped_log(delta),
                            clipped_log(mass2), d, to);
      if (here < lanes) {
        std::copy_n(rest, 4 * here, out);
      }
      out += 4 * here;
    }
  }
}

}  // namespace eebench::nn::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace eebench::nn::cpu {

HWY_EXPORT(pair_features);

void pair_features(const float* vectors, std::int64_t n, float* out) {
  HWY_DYNAMIC_DISPATCH(pair_features)(vectors, n, out);
}

void mirror_pairs(const float* lower, std::int64_t n, std::int64_t heads, float* out) {
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t j = 0; j <= i; ++j) {
      for (std::int64_t h = 0; h < heads; ++h) {
        out[(h * n + i) * n + j] = *lower;
        out[(h * n + j) * n + i] = *lower++;
      }
    }
  }
}

}  // namespace eebench::nn::cpu
#endif
