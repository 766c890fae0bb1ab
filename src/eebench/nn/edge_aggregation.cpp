#include "eebench/nn/edge_aggregation.hpp"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include "eebench/nn/cpu/edge_simd.hpp"
#include "eebench/nn/cpu/kernels.hpp"
#include "eebench/nn/work.hpp"

namespace eebench::nn {
namespace {

constexpr std::int64_t add_and_relu = flops_of::add + flops_of::relu;
constexpr std::int64_t rows_of_a_task = 256;

}  // namespace

at::Tensor gather_add_relu(const at::Tensor& own, const at::Tensor& other,
                           const at::Tensor& neighbours) {
  const std::int64_t n = own.size(0);
  const std::int64_t channels = own.size(1);
  const std::int64_t k = neighbours.size(1);
  const std::int64_t edges = n * k;
  count({.elementwise = edges * channels * add_and_relu,
         .bytes = (n + 2 * edges) * channels * own.element_size()});
  if (!cpu::usable(own)) {
    const at::Tensor padded = at::constant_pad_nd(other, {0, 0, 0, 1});
    const at::Tensor rows = neighbours.reshape({-1}).clamp_max(other.size(0));
    const at::Tensor gathered = at::index_select(padded, 0, rows).view({n, k, channels});
    return at::relu(gathered + own.unsqueeze(1)).view({edges, channels});
  }
  const at::Tensor own_rows = own.contiguous();
  const at::Tensor other_rows = other.contiguous();
  const at::Tensor indices = neighbours.contiguous();
  at::Tensor out = at::empty({edges, channels}, own.options());
  at::parallel_for(0, n, rows_of_a_task / k + 1, [&](std::int64_t begin, std::int64_t end) {
    cpu::gather_add_relu({.own = own_rows.const_data_ptr<float>() + begin * channels,
                          .other = other_rows.const_data_ptr<float>(),
                          .neighbours = indices.const_data_ptr<std::int64_t>() + begin * k,
                          .out = out.mutable_data_ptr<float>() + begin * k * channels,
                          .particles = end - begin,
                          .rows = other.size(0),
                          .k = k,
                          .channels = channels});
  });
  return out;
}

at::Tensor bias_relu(at::Tensor x, const at::Tensor& bias) {
  count({.elementwise = x.numel() * add_and_relu, .bytes = 2 * x.numel() * x.element_size()});
  if (!cpu::usable(x) || !x.is_contiguous()) {
    return at::relu(x + bias);
  }
  const std::int64_t channels = x.size(1);
  const at::Tensor shift = bias.contiguous();
  float* data = x.mutable_data_ptr<float>();
  at::parallel_for(0, x.size(0), rows_of_a_task, [&](std::int64_t begin, std::int64_t end) {
    cpu::bias_relu(data + begin * channels, shift.const_data_ptr<float>(), end - begin, channels);
  });
  return x;
}

at::Tensor bias_relu_mean(const at::Tensor& x, const at::Tensor& bias, std::int64_t k) {
  const std::int64_t channels = x.size(1);
  const std::int64_t n = x.size(0) / k;
  count({.elementwise = x.numel() * (add_and_relu + flops_of::add),
         .bytes = (x.numel() + n * channels) * x.element_size()});
  if (!cpu::usable(x)) {
    return at::relu(x + bias).view({n, k, channels}).mean(1);
  }
  const at::Tensor edges = x.contiguous();
  const at::Tensor shift = bias.contiguous();
  at::Tensor out = at::empty({n, channels}, x.options());
  at::parallel_for(0, n, rows_of_a_task / k + 1, [&](std::int64_t begin, std::int64_t end) {
    cpu::bias_relu_mean(edges.const_data_ptr<float>() + begin * k * channels,
                        shift.const_data_ptr<float>(),
                        out.mutable_data_ptr<float>() + begin * channels, end - begin, k, channels);
  });
  return out;
}

}  // namespace eebench::nn
