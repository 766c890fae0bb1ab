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

/// The factors of dropout: 0 with probability p (to 2^-16), else 1 / (1 - p).
class Keep {
 public:
  explicit Keep(double p)
      : dropped_(static_cast<std::uint64_t>(std::lround(p * 65536.0))),
        factor_(static_cast<float>(1.0 / (1.0 - p))) {}

  /// Element i depends on the key and i alone. A draw of 64 bits serves four elements.
  void fill(std::uint64_t key, std::span<float> out) const {
    std::size_t i = 0;
    for (; i + 4 <= out.size(); i += 4) {
      four(mix64(key + i), out.data() + i);
    }
    std::array<float, 4> rest;
    four(mix64(key + i), rest.data());
    std::copy_n(rest.begin(), out.size() - i, out.begin() + static_cast<std::ptrdiff_t>(i));
  }

 private:
  void four(std::uint64_t bits, float* out) const {
    for (unsigned draw = 0; draw < 4; ++draw) {
      out[draw] = ((bits >> (16 * draw)) & 0xFFFF) < dropped_ ? 0.0F : factor_;
    }
  }

  std::uint64_t dropped_;
  float factor_;
};

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

at::Tensor dropout(const at::Tensor& x, double p, std::uint64_t site,
                   std::span<const std::int64_t> row_offsets,
                   std::span<const std::int64_t> jet_index, const Context& context) {
  if (!context.training || p == 0.0) {
    return x;
  }
  nn::count(
      {.elementwise = x.numel() * flops_of::multiply, .bytes = 3 * x.numel() * x.element_size()});
  const std::int64_t row_size = x.numel() / x.size(0);
  at::Tensor mask = at::empty({x.size(0), row_size}, at::kFloat);
  const Keep keep(p);
  float* out = mask.mutable_data_ptr<float>();
  for (std::size_t jet = 0; jet + 1 < row_offsets.size(); ++jet) {
    const std::uint64_t key = random_key(context.seed, Stream::dropout,
                                         {static_cast<std::uint64_t>(context.step),
                                          static_cast<std::uint64_t>(jet_index[jet]), site});
    const std::int64_t count = (row_offsets[jet + 1] - row_offsets[jet]) * row_size;
    keep.fill(key, std::span(out, static_cast<std::size_t>(count)));
    out += count;
  }
  return x * mask.view(x.sizes()).to(x.device(), x.scalar_type());
}

at::Tensor dropout_jets(const at::Tensor& x, double p, std::uint64_t site, const Context& context) {
  std::vector<std::int64_t> one_each(static_cast<std::size_t>(x.size(0)) + 1);
  std::iota(one_each.begin(), one_each.end(), 0);
  return dropout(x, p, site, one_each, context.jet_index, context);
}

}  // namespace eebench::nn
