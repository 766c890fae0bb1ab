#include "eebench/nn/cpu/lorentz_layer_simd.hpp"

#include <algorithm>
#include <cstddef>
#include <limits>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "eebench/nn/cpu/lorentz_layer_simd.cpp"
#include <hwy/foreach_target.h>
//
#include <hwy/aligned_allocator.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace eebench::nn::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// Channels that share the products of a pass over the pairs.
constexpr std::size_t most_channels = 4;

enum Column : std::size_t { px, py, pz, energy, of_jet, columns };

/// The particles of a jet in columns of `width`, zeros behind the last.
template <class T>
struct Particles {
  const T* table;  ///< [columns, width]
  std::size_t n;
  std::size_t width;
  double mass2;  ///< of the jet
  const T* column(Column which) const { return table + which * width; }
};

/// Lorentz products of two vectors of particles. No fused multiply-adds: see nn::lorentz_products.
template <class D, class Load>
HWY_INLINE hn::Vec<D> product(D d, const hn::Vec<D> (&i)[4], const Load& j) {
  const auto energies = hn::Mul(i[energy], j(energy));
  const auto sum = hn::Add(hn::Add(hn::Add(energies, hn::Mul(i[px], j(px))), hn::Mul(i[py], j(py))),
                           hn::Mul(i[pz], j(pz)));
  return hn::Sub(hn::Mul(hn::Set(d, 2), energies), sum);
}

template <class D>
HWY_INLINE double sum_of_lanes(D d, hn::Vec<D> v) {
  return static_cast<double>(hn::GetLane(hn::SumOfLanes(d, v)));
}

/// Of `Channels` channels; `scratch` holds as many times the width.
template <std::size_t Channels, class T>
void sum_channels(const Particles<T>& jet, const PairWeights* weights, T* scratch, T* out) {
  const hn::ScalableTag<T> d;
  using V = hn::Vec<decltype(d)>;
  const std::size_t lanes = hn::Lanes(d);
  const T* of_jet_column = jet.column(of_jet);
  V pair[Channels];
  double constant[Channels];
  double sum[Channels] = {};
  for (std::size_t c = 0; c < Channels; ++c) {
    const PairWeights& w = weights[c];
    pair[c] = hn::Set(d, static_cast<T>(w.pair));
    constant[c] = w.total * jet.mass2 + w.bias;
    // Behind the last particle so negative that the ReLU leaves nothing.
    T* own = std::fill_n(scratch + c * jet.width, jet.width, std::numeric_limits<T>::lowest() / 4) -
             jet.width;
    for (std::size_t j = 0; j < jet.n; ++j) {
      own[j] = static_cast<T>(w.column * static_cast<double>(of_jet_column[j]));
    }
  }
  const auto affine = [&](std::size_t c, V products, V row, std::size_t j) HWY_ATTR {
    const V sums = hn::Add(row, hn::Load(d, scratch + c * jet.width + j));
    return hn::MulAdd(pair[c], products, sums);
  };
  for (std::size_t i = 0; i < jet.n; ++i) {
    const V own[4] = {hn::Set(d, jet.column(px)[i]), hn::Set(d, jet.column(py)[i]),
                      hn::Set(d, jet.column(pz)[i]), hn::Set(d, jet.column(energy)[i])};
    V row[Channels];
    V row_sum[Channels];
    for (std::size_t c = 0; c < Channels; ++c) {
      row[c] = hn::Set(
          d, static_cast<T>(constant[c] + weights[c].row * static_cast<double>(of_jet_column[i])));
      row_sum[c] = hn::Zero(d);
    }
    for (std::size_t j = 0; j < jet.width; j += lanes) {
      const V products = product(
          d, own, [&](Column which) HWY_ATTR { return hn::Load(d, jet.column(which) + j); });
      for (std::size_t c = 0; c < Channels; ++c) {
        row_sum[c] = hn::Add(row_sum[c], hn::Max(affine(c, products, row[c], j), hn::Zero(d)));
      }
    }
    for (std::size_t c = 0; c < Channels; ++c) {
      sum[c] += sum_of_lanes(d, row_sum[c]);
    }
  }
  for (std::size_t c = 0; c < Channels; ++c) {
    const PairWeights& w = weights[c];
    const V more = hn::Set(d, static_cast<T>(w.diagonal_total * jet.mass2 + w.diagonal_bias));
    double trace = 0.0;
    for (std::size_t j = 0; j < jet.width; j += lanes) {
      const auto load = [&](Column which) HWY_ATTR { return hn::Load(d, jet.column(which) + j); };
      const V own[4] = {load(px), load(py), load(pz), load(energy)};
      const V products_with_jet = load(of_jet);
      const V row = hn::MulAdd(hn::Set(d, static_cast<T>(w.row)), products_with_jet,
                               hn::Set(d, static_cast<T>(constant[c])));
      const V plain = affine(c, product(d, own, load), row, j);
      const V diagonal = hn::Add(
          plain, hn::MulAdd(hn::Set(d, static_cast<T>(w.diagonal_row)), products_with_jet, more));
      const double here = sum_of_lanes(d, hn::Max(diagonal, hn::Zero(d)));
      trace += here;
      // The pass above took the diagonal for any other pair.
      sum[c] += here - sum_of_lanes(d, hn::Max(plain, hn::Zero(d)));
    }
    out[2 * c] = static_cast<T>(sum[c]);
    out[2 * c + 1] = static_cast<T>(trace);
  }
}

template <class T>
void lorentz_layer_of(const T* vectors, std::int64_t particles,
                      std::span<const PairWeights> channels, T* out) {
  const std::size_t lanes = hn::Lanes(hn::ScalableTag<T>());
  const auto n = static_cast<std::size_t>(particles);
  const std::size_t width = (n + lanes - 1) / lanes * lanes;
  const auto buffer = hwy::AllocateAligned<T>((columns + most_channels) * width);
  T* table = buffer.get();
  std::fill_n(table, columns * width, T{0});
  double jet[4] = {};
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t k = 0; k < 4; ++k) {
      table[k * width + i] = vectors[4 * i + k];
      jet[k] += static_cast<double>(vectors[4 * i + k]);
    }
  }
  const auto with_jet = [&](const double* p) {
    return p[energy] * jet[energy] - p[px] * jet[px] - p[py] * jet[py] - p[pz] * jet[pz];
  };
  for (std::size_t i = 0; i < n; ++i) {
    const double p[4] = {vectors[4 * i], vectors[4 * i + 1], vectors[4 * i + 2],
                         vectors[4 * i + 3]};
    table[of_jet * width + i] = static_cast<T>(with_jet(p));
  }
  const Particles<T> columns_of_jet{table, n, width, with_jet(jet)};
  T* scratch = table + columns * width;
  for (std::size_t first = 0; first < channels.size(); first += most_channels) {
    const PairWeights* weights = channels.data() + first;
    T* to = out + 2 * first;
    switch (std::min(most_channels, channels.size() - first)) {
      case 1:
        sum_channels<1>(columns_of_jet, weights, scratch, to);
        break;
      case 2:
        sum_channels<2>(columns_of_jet, weights, scratch, to);
        break;
      case 3:
        sum_channels<3>(columns_of_jet, weights, scratch, to);
        break;
      default:
        sum_channels<4>(columns_of_jet, weights, scratch, to);
    }
  }
}

void lorentz_layer_float(const float* vectors, std::int64_t n,
                         std::span<const PairWeights> channels, float* out) {
  lorentz_layer_of(vectors, n, channels, out);
}
void lorentz_layer_double(const double* vectors, std::int64_t n,
                          std::span<const PairWeights> channels, double* out) {
  lorentz_layer_of(vectors, n, channels, out);
}

}  // namespace eebench::nn::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace eebench::nn::cpu {

HWY_EXPORT(lorentz_layer_float);
HWY_EXPORT(lorentz_layer_double);

void lorentz_layer(const float* vectors, std::int64_t n, std::span<const PairWeights> channels,
                   float* out) {
  HWY_DYNAMIC_DISPATCH(lorentz_layer_float)(vectors, n, channels, out);
}
void lorentz_layer(const double* vectors, std::int64_t n, std::span<const PairWeights> channels,
                   double* out) {
  HWY_DYNAMIC_DISPATCH(lorentz_layer_double)(vectors, n, channels, out);
}

}  // namespace eebench::nn::cpu
#endif
