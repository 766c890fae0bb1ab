#include "eebench/nn/cpu/int8_simd.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <limits>

#include "eebench/nn/cpu/dense_simd.hpp"

#define HWY_WANT_AVX3_DL
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "eebench/nn/cpu/int8_simd.cpp"
#include <hwy/foreach_target.h>
//
#include <hwy/aligned_allocator.h>
#include <hwy/highway.h>
//
#include "eebench/nn/cpu/activation-inl.hpp"
#include "eebench/nn/cpu/partial-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace eebench::nn::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::ScalableTag<float>;
using DI = hn::RebindToSigned<D>;
using VI = hn::Vec<DI>;
using Group = std::array<VI, inputs_of_group>;  ///< lane g: an input of group g, 0..255

// How an instruction set multiplies a group: the words that a row keeps of it, the weights that
// belong to word `w`, and the sum of their products.
#if HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX3_DL
constexpr std::size_t words_of_group = 1;
HWY_INLINE VI word_of(std::size_t /*w*/, const Group& q) {
  return hn::Or(hn::Or(q[0], hn::ShiftLeft<8>(q[1])),
                hn::Or(hn::ShiftLeft<16>(q[2]), hn::ShiftLeft<24>(q[3])));
}
HWY_INLINE VI weights_of(std::size_t /*w*/, VI packed) { return packed; }
HWY_INLINE VI add_products(VI word, VI weights, VI sum) {
  // The intrinsic wants avx512vnni, which Highway 1.0 does not switch on for this target.
  asm("vpdpbusd %2, %1, %0" : "+v"(sum.raw) : "v"(word.raw), "v"(weights.raw));
  return sum;
}
#elif HWY_ARCH_X86 && HWY_TARGET <= HWY_SSSE3
// Two products of 16 bits a word: never vpmaddubsw, whose sums saturate.
constexpr std::size_t words_of_group = 2;
HWY_INLINE VI word_of(std::size_t w, const Group& q) {
  return hn::Or(q[w], hn::ShiftLeft<16>(q[w + 2]));
}
HWY_INLINE VI weights_of(std::size_t w, VI packed) {
  const hn::Repartition<std::int16_t, DI> d16;
  const auto pairs = hn::BitCast(d16, packed);
  return hn::BitCast(DI(), hn::ShiftRight<8>(w == 0 ? hn::ShiftLeft<8>(pairs) : pairs));
}
HWY_INLINE VI add_products(VI word, VI weights, VI sum) {
  const hn::Repartition<std::int16_t, DI> d16;
  VI unused = hn::Zero(DI());  // on x86 each sum is of the lane's own two products
  return hn::ReorderWidenMulAccumulate(DI(), hn::BitCast(d16, word), hn::BitCast(d16, weights), sum,
                                       unused);
}
#else
constexpr std::size_t words_of_group = 4;
HWY_INLINE VI word_of(std::size_t w, const Group& q) { return q[w]; }
HWY_INLINE VI weights_of(std::size_t w, VI packed) {
  return hn::ShiftRight<24>(hn::ShiftLeftSame(packed, static_cast<int>(24 - 8 * w)));
}
HWY_INLINE VI add_products(VI word, VI weights, VI sum) {
  return hn::Add(sum, hn::Mul(word, weights));
}
#endif

constexpr auto width_of_panel = static_cast<std::size_t>(panel_width);

/// Rows of a block: with two vectors of sums a row, all sums of a block fit into the registers, and
/// with them weights, a word and products.
constexpr std::size_t rows_of_block = HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX3 ? 12 : 5;

/// Rows that are quantized together and then multiplied while they are in the cache.
constexpr std::size_t rows_of_chunk = 120;

/// Integers of the activations are stored without a sign.
std::int32_t offset_of(const Int8Grid& grid) { return grid.lowest < 0 ? 128 : 0; }

/// The words of a row: words_of_group times `stride` numbers. True if there is a NaN in the row.
bool quantize_row(const float* x, std::size_t in, const Int8Grid& grid, std::size_t stride,
                  std::int32_t* words) {
  const D d;
  const DI di;
  const auto groups = static_cast<std::size_t>(groups_of(static_cast<std::int64_t>(in)));
  const auto scale = hn::Set(d, grid.scale);
  const auto zero_point = hn::Set(d, static_cast<float>(grid.zero_point));
  const auto lowest = hn::Set(d, static_cast<float>(grid.lowest));
  const auto highest = hn::Set(d, static_cast<float>(grid.highest));
  // Beyond 2^23 there are no halves: a sum is rounded, half to even, and its last bits count.
  constexpr float shift = 12582912.0F;
  const auto start = hn::Sub(hn::BitCast(di, hn::Set(d, shift)), hn::Set(di, offset_of(grid)));
  auto nan = hn::IsNaN(hn::Zero(d));
  for (std::size_t g = 0; g < groups; g += hn::Lanes(d)) {
    Group q;
    for (std::size_t k = 0; k < q.size(); ++k) {
      const std::size_t first = std::min(k * groups + g, in);
      const auto place = hn::Add(hn::Div(load_up_to(d, x + first, in - first), scale), zero_point);
      nan = hn::Or(nan, hn::IsNaN(place));
      const auto bounded = hn::Min(hn::Max(place, lowest), highest);
      q[k] = hn::Sub(hn::BitCast(di, hn::Add(bounded, hn::Set(d, shift))), start);
    }
    for (std::size_t w = 0; w < words_of_group; ++w) {
      hn::StoreU(word_of(w, q), di, words + w * stride + g);
    }
  }
  return !hn::AllFalse(d, nan);
}

/// Some rows and `columns` outputs of a layer.
struct Int8Block {
  const std::int32_t* words;
  std::size_t stride;  ///< of words
  std::size_t groups;
  const std::int32_t* panel;
  const std::int32_t* sums;
  std::int32_t zero;  ///< the stored integer of 0
  const float* scale;
  float input_scale;
  const float* bias;
  Outputs outputs;
};

template <std::size_t Rows, std::size_t Vectors>
HWY_INLINE void int8_block(const Int8Block& block) {
  const D d;
  const DI di;
  const std::size_t lanes = hn::Lanes(d);
  const std::int32_t* HWY_RESTRICT words = block.words;
  const std::int32_t* HWY_RESTRICT panel = block.panel;
  const std::size_t stride = block.stride;
  const std::size_t groups = block.groups;
  VI sum[Rows][Vectors];
  for (std::size_t v = 0; v < Vectors; ++v) {
    const VI start = hn::Mul(hn::LoadU(di, block.sums + v * lanes), hn::Set(di, -block.zero));
    for (std::size_t r = 0; r < Rows; ++r) {
      sum[r][v] = start;
    }
  }
  for (std::size_t g = 0; g < groups; ++g) {
    for (std::size_t w = 0; w < words_of_group; ++w) {
      VI weights[Vectors];
      for (std::size_t v = 0; v < Vectors; ++v) {
        weights[v] = weights_of(w, hn::LoadU(di, panel + g * width_of_panel + v * lanes));
      }
      for (std::size_t r = 0; r < Rows; ++r) {
        const VI word = hn::Set(di, words[(r * words_of_group + w) * stride + g]);
        for (std::size_t v = 0; v < Vectors; ++v) {
          sum[r][v] = add_products(word, weights[v], sum[r][v]);
        }
      }
    }
  }
  const Outputs& outputs = block.outputs;
  const std::size_t columns = Vectors == 1 ? outputs.columns : lanes;  // of each vector
  for (std::size_t v = 0; v < Vectors; ++v) {
    const auto scale =
        hn::Mul(hn::LoadU(d, block.scale + v * lanes), hn::Set(d, block.input_scale));
    const auto bias =
        block.bias == nullptr ? hn::Zero(d) : load_up_to(d, block.bias + v * lanes, columns);
    for (std::size_t r = 0; r < Rows; ++r) {
      store_up_to(d, hn::MulAdd(hn::ConvertTo(d, sum[r][v]), scale, bias),
                  outputs.y + r * outputs.stride + v * lanes, columns);
    }
  }
}

template <std::size_t Rows, std::size_t Vectors>
HWY_INLINE void int8_rows(const Int8Block& block) {
  if (block.outputs.rows == Rows) {
    int8_block<Rows, Vectors>(block);
  } else if constexpr (Rows > 1) {
    int8_rows<Rows - 1, Vectors>(block);
  }
}

void linear_int8(const Int8Layer& layer) {
  const std::size_t lanes = hn::Lanes(D());
  const auto rows = static_cast<std::size_t>(layer.rows);
  const auto in = static_cast<std::size_t>(layer.in);
  const auto out = static_cast<std::size_t>(layer.out);
  const auto groups = static_cast<std::size_t>(groups_of(layer.in));
  const std::size_t stride = (groups + lanes - 1) / lanes * lanes;
  const std::size_t words_of_row = words_of_group * stride;
  const auto words =
      hwy::AllocateAligned<std::int32_t>(std::min(rows, rows_of_chunk) * words_of_row);
  bool nan[rows_of_chunk];
  for (std::size_t row = 0; row < rows; row += rows_of_chunk) {
    const std::size_t chunk = std::min(rows_of_chunk, rows - row);
    for (std::size_t r = 0; r < chunk; ++r) {
      nan[r] = quantize_row(layer.x + (row + r) * in, in, layer.grid, stride,
                            words.get() + r * words_of_row);
    }
    float* y = layer.y + row * out;
    for (std::size_t first = 0; first < out;) {
      const bool two = out - first >= 2 * lanes;
      const std::size_t columns = two ? 2 * lanes : std::min(lanes, out - first);
      for (std::size_t r = 0; r < chunk; r += rows_of_block) {
        const Int8Block block{.words = words.get() + r * words_of_row,
                              .stride = stride,
                              .groups = groups,
                              .panel = layer.panels +
                                       first / width_of_panel * width_of_panel * groups +
                                       first % width_of_panel,
                              .sums = layer.sums + first,
                              .zero = layer.grid.zero_point + offset_of(layer.grid),
                              .scale = layer.scale + first,
                              .input_scale = layer.grid.scale,
                              .bias = layer.bias == nullptr ? nullptr : layer.bias + first,
                              .outputs = {.y = y + r * out + first,
                                          .rows = std::min(rows_of_block, chunk - r),
                                          .columns = columns,
                                          .stride = out}};
        if (two) {
          int8_rows<rows_of_block, 2>(block);
        } else {
          int8_rows<rows_of_block, 1>(block);
        }
        activate(block.outputs, layer.activation);
      }
      first += columns;
    }
    for (std::size_t r = 0; r < chunk; ++r) {
      if (nan[r]) {
        std::fill_n(y + r * out, out, std::numeric_limits<float>::quiet_NaN());
      }
    }
  }
}

}  // namespace eebench::nn::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace eebench::nn::cpu {

HWY_EXPORT(linear_int8);

void pack_int8(const std::int8_t* weight, std::int64_t in, std::int64_t out, std::int32_t* panels) {
  const std::int64_t groups = groups_of(in);
  for (std::int64_t first = 0; first < out; first += panel_width) {
    for (std::int64_t g = 0; g < groups; ++g) {
      for (std::int64_t o = first; o < first + panel_width; ++o) {
        std::uint32_t word = 0;
        for (std::int64_t k = 0; k < inputs_of_group; ++k) {
          const std::int64_t i = k * groups + g;
          const std::int8_t w = o < out && i < in ? weight[o * in + i] : std::int8_t{0};
          word |= std::uint32_t{static_cast<std::uint8_t>(w)} << (8 * k);
        }
        *panels++ = static_cast<std::int32_t>(word);
      }
    }
  }
}

void linear(const Int8Layer& layer) { HWY_DYNAMIC_DISPATCH(linear_int8)(layer); }

}  // namespace eebench::nn::cpu
#endif
