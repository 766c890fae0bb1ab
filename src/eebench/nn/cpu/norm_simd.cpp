#include "eebench/nn/cpu/norm_simd.hpp"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "eebench/nn/cpu/norm_simd.cpp"
#include <hwy/foreach_target.h>
//
#include <hwy/highway.h>
//
#include "eebench/nn/cpu/channels-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace eebench::nn::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// Rows whose sum is kept in float32 registers before it is added in float64. They stay in the
/// cache while the columns are gone through.
constexpr std::int64_t rows_of_a_tile = 64;

/// Adds the lanes of v to to[0], to[1], ...
template <class D, class V>
void add_lanes(D d, V v, double* to) {
  HWY_ALIGN float lanes[HWY_MAX_BYTES / sizeof(float)];
  hn::Store(v, d, lanes);
  for (std::size_t i = 0; i < hn::Lanes(d); ++i) {
    to[i] += static_cast<double>(lanes[i]);
  }
}

/// Tiles are combined as in Chan, Golub, LeVeque, "Updating formulae and a pairwise algorithm for
/// computing sample variances", 1979.
void column_moments(const float* x, std::int64_t rows, std::int64_t channels, double* mean,
                    double* squares) {
  std::fill_n(mean, channels, 0.0);
  std::fill_n(squares, channels, 0.0);
  for (std::int64_t first = 0; first < rows; first += rows_of_a_tile) {
    const std::int64_t here = std::min(rows_of_a_tile, rows - first);
    const auto before = static_cast<double>(first);
    const auto added = static_cast<double>(here);
    const float* tile = x + first * channels;
    for_channels(channels, [=](auto d, std::int64_t c) HWY_ATTR {
      auto sum = hn::Zero(d);
      for (std::int64_t r = 0; r < here; ++r) {
        sum = hn::Add(sum, hn::LoadU(d, tile + r * channels + c));
      }
      const auto centre = hn::Mul(sum, hn::Set(d, 1.0F / static_cast<float>(here)));
      auto square = hn::Zero(d);
      for (std::int64_t r = 0; r < here; ++r) {
        const auto deviation = hn::Sub(hn::LoadU(d, tile + r * channels + c), centre);
        square = hn::MulAdd(deviation, deviation, square);
      }
      HWY_ALIGN float tile_mean[HWY_MAX_BYTES / sizeof(float)];
      hn::Store(centre, d, tile_mean);
      for (std::size_t i = 0; i < hn::Lanes(d); ++i) {
        const auto channel = static_cast<std::size_t>(c) + i;
        const double delta = static_cast<double>(tile_mean[i]) - mean[channel];
        mean[channel] += delta * added / (before + added);
        squares[channel] += delta * delta * before * added / (before + added);
      }
      add_lanes(d, square, squares + c);
    });
  }
}

void scale_shift(const ScaleShift& forward, float* y) {
  for (std::int64_t r = 0; r < forward.rows; ++r) {
    const std::int64_t row = r * forward.channels;
    for_channels(forward.channels, [=](auto d, std::int64_t c) HWY_ATTR {
      const auto value =
          hn::MulAdd(hn::LoadU(d, forward.x + row + c), hn::LoadU(d, forward.scale + c),
                     hn::LoadU(d, forward.shift + c));
      hn::StoreU(forward.relu ? hn::Max(value, hn::Zero(d)) : value, d, y + row + c);
    });
  }
}

/// The gradient at [at, at + lanes of d), 0 where the ReLU was.
template <class D, class V>
hn::Vec<D> through_relu(D d, const ScaleShift& forward, V x, const float* gradient, std::int64_t at,
                        std::int64_t c) {
  const auto g = hn::LoadU(d, gradient + at);
  if (!forward.relu) {
    return g;
  }
  const auto y = hn::MulAdd(x, hn::LoadU(d, forward.scale + c), hn::LoadU(d, forward.shift + c));
  return hn::IfThenElseZero(hn::Gt(y, hn::Zero(d)), g);
}

void norm_gradient_sums(const ScaleShift& forward, const float* gradient, const float* mean,
                        double* sum, double* dot) {
  const std::int64_t channels = forward.channels;
  std::fill_n(sum, channels, 0.0);
  std::fill_n(dot, channels, 0.0);
  for (std::int64_t first = 0; first < forward.rows; first += rows_of_a_tile) {
    const std::int64_t last = std::min(forward.rows, first + rows_of_a_tile);
    for_channels(channels, [=](auto d, std::int64_t c) HWY_ATTR {
      const auto centre = hn::LoadU(d, mean + c);
      auto sums = hn::Zero(d);
      auto dots = hn::Zero(d);
      for (std::int64_t r = first; r < last; ++r) {
        const auto x = hn::LoadU(d, forward.x + r * channels + c);
        const auto g = through_relu(d, forward, x, gradient, r * channels + c, c);
        sums = hn::Add(sums, g);
        dots = hn::MulAdd(g, hn::Sub(x, centre), dots);
      }
      add_lanes(d, sums, sum + c);
      add_lanes(d, dots, dot + c);
    });
  }
}

void norm_gradient(const ScaleShift& forward, const float* gradient, const float* slope,
                   const float* offset, float* out) {
  for (std::int64_t r = 0; r < forward.rows; ++r) {
    const std::int64_t row = r * forward.channels;
    for_channels(forward.channels, [=](auto d, std::int64_t c) HWY_ATTR {
      const auto x = hn::LoadU(d, forward.x + row + c);
      const auto g = through_relu(d, forward, x, gradient, row + c, c);
      const auto line = hn::MulAdd(x, hn::LoadU(d, slope + c), hn::LoadU(d, offset + c));
      hn::StoreU(hn::MulAdd(g, hn::LoadU(d, forward.scale + c), line), d, out + row + c);
    });
  }
}

}  // namespace eebench::nn::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace eebench::nn::cpu {

HWY_EXPORT(column_moments);
HWY_EXPORT(scale_shift);
HWY_EXPORT(norm_gradient_sums);
HWY_EXPORT(norm_gradient);

void column_moments(const float* x, std::int64_t rows, std::int64_t channels, double* mean,
                    double* squares) {
  HWY_DYNAMIC_DISPATCH(column_moments)(x, rows, channels, mean, squares);
}
void scale_shift(const ScaleShift& forward, float* y) {
  HWY_DYNAMIC_DISPATCH(scale_shift)(forward, y);
}
void norm_gradient_sums(const ScaleShift& forward, const float* gradient, const float* mean,
                        double* sum, double* dot) {
  HWY_DYNAMIC_DISPATCH(norm_gradient_sums)(forward, gradient, mean, sum, dot);
}
void norm_gradient(const ScaleShift& forward, const float* gradient, const float* slope,
                   const float* offset, float* out) {
  HWY_DYNAMIC_DISPATCH(norm_gradient)(forward, gradient, slope, offset, out);
}

}  // namespace eebench::nn::cpu
#endif
