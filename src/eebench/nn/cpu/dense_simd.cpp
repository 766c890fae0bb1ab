#include "eebench/nn/cpu/dense_simd.hpp"

#include <algorithm>
#include <cstddef>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "eebench/nn/cpu/dense_simd.cpp"
#include <hwy/foreach_target.h>
//
#include <hwy/cache_control.h>
#include <hwy/highway.h>
//
#include "eebench/nn/cpu/activation-inl.hpp"
#include "eebench/nn/cpu/gelu-inl.hpp"
#include "eebench/nn/cpu/partial-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace eebench::nn::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;

constexpr auto width_of_panel = static_cast<std::size_t>(panel_width);

/// Rows of a block: with two vectors of sums a row, all sums of a block fit into the registers.
constexpr std::size_t rows_of_block = HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX3 ? 12 : 6;

/// Some rows and `columns` outputs of a layer. `x` and `y` start at the first row.
struct Block {
  const float* x;
  const float* panel;
  const float* coming;  ///< weights to fetch into the cache meanwhile
  const float* bias;
  float* y;
  std::size_t in;
  std::size_t y_stride;
  std::size_t columns;
};

template <std::size_t Rows, std::size_t Vectors>
HWY_INLINE void linear_block(const Block& block) {
  const D d;
  const std::size_t lanes = hn::Lanes(d);
  const float* HWY_RESTRICT x = block.x;
  const float* HWY_RESTRICT panel = block.panel;
  const float* HWY_RESTRICT coming = block.coming;
  const std::size_t in = block.in;
  const std::size_t columns = Vectors == 1 ? block.columns : lanes;  // of each vector
  V sum[Rows][Vectors];
  for (std::size_t v = 0; v < Vectors; ++v) {
    const V bias =
        block.bias == nullptr ? hn::Zero(d) : load_up_to(d, block.bias + v * lanes, columns);
    for (std::size_t r = 0; r < Rows; ++r) {
      sum[r][v] = bias;
    }
  }
  for (std::size_t i = 0; i < in; ++i) {
    V weight[Vectors];
    for (std::size_t v = 0; v < Vectors; ++v) {
      weight[v] = hn::LoadU(d, panel + i * width_of_panel + v * lanes);
      hwy::Prefetch(coming + i * width_of_panel + v * lanes);
    }
    for (std::size_t r = 0; r < Rows; ++r) {
      const V value = hn::Set(d, x[r * in + i]);
      for (std::size_t v = 0; v < Vectors; ++v) {
        sum[r][v] = hn::MulAdd(value, weight[v], sum[r][v]);
      }
    }
  }
  for (std::size_t r = 0; r < Rows; ++r) {
    for (std::size_t v = 0; v < Vectors; ++v) {
      store_up_to(d, sum[r][v], block.y + r * block.y_stride + v * lanes, columns);
    }
  }
}

template <std::size_t Rows, std::size_t Vectors>
HWY_INLINE void linear_rows(std::size_t rows, const Block& block) {
  if (rows == Rows) {
    linear_block<Rows, Vectors>(block);
  } else if constexpr (Rows > 1) {
    linear_rows<Rows - 1, Vectors>(rows, block);
  }
}

void linear(const DenseLayer& layer) {
  const std::size_t lanes = hn::Lanes(D());
  const auto rows = static_cast<std::size_t>(layer.rows);
  const auto in = static_cast<std::size_t>(layer.in);
  const auto out = static_cast<std::size_t>(layer.out);
  const auto panel_of = [&](std::size_t column) {
    return layer.panels + column / width_of_panel * width_of_panel * in + column % width_of_panel;
  };
  for (std::size_t first = 0; first < out;) {
    const bool two = out - first >= 2 * lanes;
    const std::size_t columns = two ? 2 * lanes : std::min(lanes, out - first);
    const float* panel = panel_of(first);
    const float* next = first + columns < out ? panel_of(first + columns) : panel;
    for (std::size_t row = 0; row < rows; row += rows_of_block) {
      const std::size_t here = std::min(rows_of_block, rows - row);
      const Block block{.x = layer.x + row * in,
                        .panel = panel,
                        .coming = row == 0 ? panel : next,
                        .bias = layer.bias == nullptr ? nullptr : layer.bias + first,
                        .y = layer.y + row * out + first,
                        .in = in,
                        .y_stride = out,
                        .columns = columns};
      if (two) {
        linear_rows<rows_of_block, 2>(here, block);
      } else {
        linear_rows<rows_of_block, 1>(here, block);
      }
      activate({.y = block.y, .rows = here, .columns = columns, .stride = out}, layer.activation);
    }
    first += columns;
  }
}

void gelu_all(float* x, std::int64_t count_signed) {
  const D d;
  const auto count = static_cast<std::size_t>(count_signed);
  for (std::size_t i = 0; i < count; i += hn::Lanes(d)) {
    store_up_to(d, gelu(d, load_up_to(d, x + i, count - i)), x + i, count - i);
  }
}

}  // namespace eebench::nn::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace eebench::nn::cpu {

HWY_EXPORT(linear);
HWY_EXPORT(gelu_all);

void pack_panels(const float* weight, std::int64_t in, std::int64_t out, float* panels) {
  for (std::int64_t first = 0; first < out; first += panel_width) {
    for (std::int64_t i = 0; i < in; ++i) {
      for (std::int64_t o = first; o < first + panel_width; ++o) {
        *panels++ = o < out ? weight[o * in + i] : 0.0F;
      }
    }
  }
}

void linear(const DenseLayer& layer) { HWY_DYNAMIC_DISPATCH(linear)(layer); }
void gelu(float* x, std::int64_t count) { HWY_DYNAMIC_DISPATCH(gelu_all)(x, count); }

}  // namespace eebench::nn::cpu
#endif
