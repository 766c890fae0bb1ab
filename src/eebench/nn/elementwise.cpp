#include "eebench/nn/elementwise.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <utility>
#include <vector>

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include "eebench/core/random.hpp"
#include "eebench/nn/cpu/kernels.hpp"
#include "eebench/nn/work.hpp"

namespace eebench::nn {
namespace {

/// Out of 2^16.
std::int64_t dropped_of(double p) { return std::lround(p * 65536.0); }

/// The factors of `out`, of one jet. A draw of 64 bits serves four elements.
void fill_factors(double p, std::uint64_t key, std::span<float> out) {
  const auto dropped = static_cast<std::uint64_t>(dropped_of(p));
  const auto factor = static_cast<float>(1.0 / (1.0 - p));
  const auto four = [&](std::uint64_t bits, float* to) {
    for (unsigned draw = 0; draw < 4; ++draw) {
      to[draw] = ((bits >> (16 * draw)) & 0xFFFF) < dropped ? 0.0F : factor;
    }
  };
  std::size_t i = 0;
  for (; i + 4 <= out.size(); i += 4) {
    four(mix64(key + i), out.data() + i);
  }
  std::array<float, 4> rest;
  four(mix64(key + i), rest.data());
  std::copy_n(rest.begin(), out.size() - i, out.begin() + static_cast<std::ptrdiff_t>(i));
}

std::uint64_t key_of(std::uint64_t site, std::int64_t jet, const Context& context) {
  return random_key(
      context.seed, Stream::dropout,
      {static_cast<std::uint64_t>(context.step), static_cast<std::uint64_t>(jet), site});
}

/// mix64() on int64: ATen has no unsigned arithmetic, but products and sums wrap alike, and what an
/// arithmetic shift brings in from the left is masked away.
at::Tensor mixed(at::Tensor x) {
  const auto constant = [](std::uint64_t bits) {
    return at::Scalar(static_cast<std::int64_t>(bits));
  };
  const auto shifted = [](const at::Tensor& y, int bits) {
    return y.bitwise_right_shift(at::Scalar(bits))
        .bitwise_and_(at::Scalar((std::int64_t{1} << (64 - bits)) - 1));
  };
  x = x + constant(0x9E3779B97F4A7C15ULL);
  x = x.bitwise_xor(shifted(x, 30)).mul_(constant(0xBF58476D1CE4E5B9ULL));
  x = x.bitwise_xor(shifted(x, 27)).mul_(constant(0x94D049BB133111EBULL));
  return x.bitwise_xor(shifted(x, 31));
}

}  // namespace

void count_activation(std::int64_t elements, Activation activation, std::int64_t width) {
  if (activation != Activation::none) {
    const std::int64_t flops = activation == Activation::gelu ? flops_of::gelu : flops_of::relu;
    count({.elementwise = elements * flops, .bytes = 2 * elements * width});
  }
}

at::Tensor gelu(at::Tensor x, const Context&) {
  count_activation(x.numel(), Activation::gelu, x.element_size());
  if (cpu::usable(x) && x.is_contiguous()) {
    cpu::gelu_in_place(x);
    return x;
  }
  return at::gelu(x);
}

at::Tensor relu(at::Tensor x, const Context&) {
  count_activation(x.numel(), Activation::relu, x.element_size());
  return c10::GradMode::is_enabled() ? at::relu(x) : at::relu_(x);
}

at::Tensor activate(at::Tensor x, Activation activation, const Context& context) {
  switch (activation) {
    case Activation::relu:
      return relu(std::move(x), context);
    case Activation::leaky_relu:
      count_activation(x.numel(), activation, x.element_size());
      return at::leaky_relu(x, leaky_slope);
    case Activation::gelu:
      return gelu(std::move(x), context);
    case Activation::none:
      break;
  }
  return x;
}

at::Tensor add(at::Tensor x, const at::Tensor& y) {
  count({.elementwise = x.numel() * flops_of::add, .bytes = 3 * x.numel() * x.element_size()});
  return c10::GradMode::is_enabled() ? at::add(x, y) : x.add_(y);
}

at::Tensor add_scaled(at::Tensor x, const at::Tensor& y, const at::Tensor& scale) {
  count({.elementwise = x.numel() * (flops_of::add + flops_of::multiply),
         .bytes = 3 * x.numel() * x.element_size()});
  return c10::GradMode::is_enabled() ? at::addcmul(x, y, scale) : x.addcmul_(y, scale);
}

void count_dropout(std::int64_t elements, std::int64_t width) {
  count({.elementwise = elements * flops_of::multiply, .bytes = 3 * elements * width});
}

at::Tensor dropout_factors(double p, std::uint64_t site, std::span<const std::int64_t> row_offsets,
                           std::int64_t row_size, std::span<const std::int64_t> jet_index,
                           const at::TensorOptions& options, const Context& context) {
  if (!options.device().is_cpu()) {
    return dropout_factors_composite(p, site, row_offsets, row_size, jet_index, options, context);
  }
  at::Tensor factors = at::empty({row_offsets.back(), row_size}, at::kFloat);
  float* out = factors.mutable_data_ptr<float>();
  for (std::size_t jet = 0; jet + 1 < row_offsets.size(); ++jet) {
    const std::int64_t count = (row_offsets[jet + 1] - row_offsets[jet]) * row_size;
    fill_factors(p, key_of(site, jet_index[jet], context),
                 std::span(out, static_cast<std::size_t>(count)));
    out += count;
  }
  return factors.to(options);
}

at::Tensor dropout_factors_composite(double p, std::uint64_t site,
                                     std::span<const std::int64_t> row_offsets,
                                     std::int64_t row_size, std::span<const std::int64_t> jet_index,
                                     const at::TensorOptions& options, const Context& context) {
  std::vector<std::int64_t> keys;
  for (const std::int64_t jet : jet_index) {
    keys.push_back(static_cast<std::int64_t>(key_of(site, jet, context)));
  }
  const RowPlaces places = row_places(row_offsets, options.device());
  const at::Tensor element =
      places.within.mul(row_size).unsqueeze(1) + at::arange(row_size, places.within.options());
  const at::Tensor draw = element.bitwise_and(3);
  const at::Tensor bits = mixed(spread(keys, places).unsqueeze(1) + (element - draw));
  const at::Tensor drawn = bits.bitwise_right_shift(16 * draw).bitwise_and_(0xFFFF);
  return drawn.ge(dropped_of(p))
      .to(options)
      .mul_(static_cast<double>(static_cast<float>(1.0 / (1.0 - p))));
}

at::Tensor dropout(const at::Tensor& x, double p, std::uint64_t site,
                   std::span<const std::int64_t> row_offsets,
                   std::span<const std::int64_t> jet_index, const Context& context) {
  if (!context.training || p == 0.0) {
    return x;
  }
  count_dropout(x.numel(), x.element_size());
  const at::Tensor factors =
      dropout_factors(p, site, row_offsets, x.numel() / x.size(0), jet_index, x.options(), context);
  return x * factors.view(x.sizes());
}

at::Tensor dropout_jets(const at::Tensor& x, double p, std::uint64_t site, const Context& context) {
  std::vector<std::int64_t> one_each(static_cast<std::size_t>(x.size(0)) + 1);
  std::iota(one_each.begin(), one_each.end(), 0);
  return dropout(x, p, site, one_each, context.jet_index, context);
}

}  // namespace eebench::nn
