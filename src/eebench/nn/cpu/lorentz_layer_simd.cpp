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

/// Rows of pairs that are added up in the type of the vectors, before float64 takes over.
constexpr std::size_t rows_of_a_sum = 8;

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

/// Lorentz products of two vectors of particles, rounded in one way wherever they are needed: those
/// of light particles are small differences of large numbers.
template <class V, class Load>
HWY_INLINE V product(const V (&i)[4], const Load& j) {
  V sum = hn::Mul(i[energy], j(energy));
  for (const Column component : {px, py, pz}) {
    sum = hn::NegMulAdd(i[component], j(component), sum);
  }
  return sum;
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
  for (std::size_t first = 0; first < jet.n; first += rows_of_a_sum) {
    V row_sum[Channels];
    for (std::size_t c = 0; c < Channels; ++c) {
      row_sum[c] = hn::Zero(d);
    }
    for (std::size_t i = first; i < std::min(jet.n, first + rows_of_a_sum); ++i) {
      const V own[4] = {hn::Set(d, jet.column(px)[i]), hn::Set(d, jet.column(py)[i]),
                        hn::Set(d, jet.column(pz)[i]), hn::Set(d, jet.column(energy)[i])};
      V row[Channels];
      for (std::size_t c = 0; c < Channels; ++c) {
        row[c] = hn::Set(d, static_cast<T>(constant[c] +
                                           weights[c].row * static_cast<double>(of_jet_column[i])));
      }
      for (std::size_t j = 0; j < jet.width; j += lanes) {
        const V products =
            product(own, [&](Column which) HWY_ATTR { return hn::Load(d, jet.column(which) + j); });
        for (std::size_t c = 0; c < Channels; ++c) {
          row_sum[c] = hn::Add(row_sum[c], hn::Max(affine(c, products, row[c], j), hn::Zero(d)));
        }
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
      const V plain = affine(c, product(own, load), row, j);
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

/// A multiple of the vectors' lanes.
template <class T>
std::size_t width_of(std::size_t n) {
  const std::size_t lanes = hn::Lanes(hn::ScalableTag<T>());
  return (n + lanes - 1) / lanes * lanes;
}

/// Their components in columns of `width`, zeros behind the last.
template <class T>
void fill_columns(const VectorsOfJet<T>& vectors, std::size_t width, T* table) {
  const auto firsts = static_cast<std::size_t>(vectors.firsts);
  const std::size_t n = firsts + static_cast<std::size_t>(vectors.owns);
  for (std::size_t k = 0; k < 4; ++k) {
    T* column = table + k * width;
    for (std::size_t i = 0; i < n; ++i) {
      column[i] = i < firsts ? vectors.first[4 * i + k] : vectors.own[4 * (i - firsts) + k];
    }
    std::fill(column + n, column + width, T{0});
  }
}

template <class T>
void lorentz_layer_of(const VectorsOfJet<T>& vectors, std::span<const PairWeights> channels,
                      T* out) {
  const auto n = static_cast<std::size_t>(vectors.firsts + vectors.owns);
  const std::size_t width = width_of<T>(n);
  const auto buffer = hwy::AllocateAligned<T>((columns + most_channels) * width);
  T* table = buffer.get();
  fill_columns(vectors, width, table);
  double jet[4] = {};
  const auto component = [&](std::size_t which, std::size_t i) {
    return static_cast<double>(table[which * width + i]);
  };
  for (std::size_t k = 0; k < 4; ++k) {
    for (std::size_t i = 0; i < n; ++i) {
      jet[k] += component(k, i);
    }
  }
  const auto with_jet = [&](double x, double y, double z, double e) {
    return e * jet[energy] - x * jet[px] - y * jet[py] - z * jet[pz];
  };
  T* products_with_jet = table + of_jet * width;
  for (std::size_t i = 0; i < n; ++i) {
    products_with_jet[i] = static_cast<T>(
        with_jet(component(px, i), component(py, i), component(pz, i), component(energy, i)));
  }
  std::fill(products_with_jet + n, products_with_jet + width, T{0});
  const Particles<T> columns_of_jet{table, n, width,
                                    with_jet(jet[px], jet[py], jet[pz], jet[energy])};
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

template <class T>
void lorentz_products_of(const T* vectors, std::int64_t particles, T* out) {
  const hn::ScalableTag<T> d;
  const auto n = static_cast<std::size_t>(particles);
  const std::size_t width = width_of<T>(n);
  const auto buffer = hwy::AllocateAligned<T>(5 * width);
  T* table = buffer.get();
  T* row = table + 4 * width;
  fill_columns(VectorsOfJet<T>{nullptr, 0, vectors, particles}, width, table);
  for (std::size_t i = 0; i < n; ++i) {
    const auto own = [&](Column which) HWY_ATTR { return hn::Set(d, table[which * width + i]); };
    const hn::Vec<decltype(d)> p[4] = {own(px), own(py), own(pz), own(energy)};
    for (std::size_t j = 0; j < width; j += hn::Lanes(d)) {
      hn::Store(
          product(p, [&](Column which) HWY_ATTR { return hn::Load(d, table + which * width + j); }),
          d, row + j);
    }
    for (std::size_t j = 0; j < n; ++j) {
      *out++ = row[j];
    }
  }
}

void lorentz_products_float(const float* vectors, std::int64_t n, float* out) {
  lorentz_products_of(vectors, n, out);
}
void lorentz_products_double(const double* vectors, std::int64_t n, double* out) {
  lorentz_products_of(vectors, n, out);
}

void lorentz_layer_float(const VectorsOfJet<float>& jet, std::span<const PairWeights> channels,
                         float* out) {
  lorentz_layer_of(jet, channels, out);
}
void lorentz_layer_double(const VectorsOfJet<double>& jet, std::span<const PairWeights> channels,
                          double* out) {
  lorentz_layer_of(jet, channels, out);
}

}  // namespace eebench::nn::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace eebench::nn::cpu {

HWY_EXPORT(lorentz_products_float);
HWY_EXPORT(lorentz_products_double);
HWY_EXPORT(lorentz_layer_float);
HWY_EXPORT(lorentz_layer_double);

void lorentz_products(const float* vectors, std::int64_t n, float* out) {
  HWY_DYNAMIC_DISPATCH(lorentz_products_float)(vectors, n, out);
}
void lorentz_products(const double* vectors, std::int64_t n, double* out) {
  HWY_DYNAMIC_DISPATCH(lorentz_products_double)(vectors, n, out);
}

void lorentz_layer(const VectorsOfJet<float>& jet, std::span<const PairWeights> channels,
                   float* out) {
  HWY_DYNAMIC_DISPATCH(lorentz_layer_float)(jet, channels, out);
}
void lorentz_layer(const VectorsOfJet<double>& jet, std::span<const PairWeights> channels,
                   double* out) {
  HWY_DYNAMIC_DISPATCH(lorentz_layer_double)(jet, channels, out);
}

}  // namespace eebench::nn::cpu
#endif
