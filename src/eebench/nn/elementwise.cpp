#include "eebench/nn/elementwise.hpp"

#include <utility>

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include "eebench/core/random.hpp"
#include "eebench/nn/cpu/kernels.hpp"
#include "eebench/nn/work.hpp"

namespace eebench::nn {

at::Tensor gelu(at::Tensor x, const Context&) {
  count({.elementwise = x.numel() * flops_of::gelu, .bytes = 2 * x.numel() * x.element_size()});
  if (cpu::usable(x) && x.is_contiguous()) {
    cpu::gelu_in_place(x);
    return x;
  }
  return at::gelu(x);
}

at::Tensor relu(at::Tensor x, const Context&) {
  count({.elementwise = x.numel() * flops_of::relu, .bytes = 2 * x.numel() * x.element_size()});
  return c10::GradMode::is_enabled() ? at::relu(x) : at::relu_(x);
}

at::Tensor dropout(const at::Tensor& x, double p, std::uint64_t site,
                   std::span<const std::int64_t> row_offsets,
                   std::span<const std::int64_t> jet_index, const Context& context) {
  if (!context.training || p == 0.0) {
    return x;
  }
  const std::int64_t row_size = x.numel() / x.size(0);
  at::Tensor mask = at::empty({x.size(0), row_size}, at::kByte);
  std::uint8_t* keep = mask.mutable_data_ptr<std::uint8_t>();
  for (std::size_t jet = 0; jet + 1 < row_offsets.size(); ++jet) {
    const std::uint64_t key = random_key(context.seed, Stream::dropout,
                                         {static_cast<std::uint64_t>(context.step),
                                          static_cast<std::uint64_t>(jet_index[jet]), site});
    const std::int64_t count = (row_offsets[jet + 1] - row_offsets[jet]) * row_size;
    for (std::int64_t i = 0; i < count; ++i) {
      *keep++ = uniform(key, static_cast<std::uint64_t>(i)) >= p ? 1 : 0;
    }
  }
  return x * mask.view(x.sizes()).to(x.device(), x.scalar_type()).mul_(1.0 / (1.0 - p));
}

}  // namespace eebench::nn
