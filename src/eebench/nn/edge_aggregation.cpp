#include "eebench/nn/edge_aggregation.hpp"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>

#include "eebench/nn/cpu/edge_simd.hpp"
#include "eebench/nn/cpu/kernels.hpp"
#include "eebench/nn/work.hpp"

namespace eebench::nn {
namespace {

constexpr std::int64_t add_and_relu = flops_of::add + flops_of::relu;
constexpr std::int64_t rows_of_a_task = 256;

/// own [n, C] + other [rows, C] at neighbours [n, k] by the kernel of the CPU: [n * k, C].
at::Tensor gather(const at::Tensor& own, const at::Tensor& other, const at::Tensor& neighbours,
                  bool relu) {
  const std::int64_t n = own.size(0);
  const std::int64_t channels = own.size(1);
  const std::int64_t k = neighbours.size(1);
  const at::Tensor own_rows = own.contiguous();
  const at::Tensor other_rows = other.contiguous();
  const at::Tensor indices = neighbours.contiguous();
  at::Tensor out = at::empty({n * k, channels}, own.options());
  at::parallel_for(0, n, rows_of_a_task / k + 1, [&](std::int64_t begin, std::int64_t end) {
    cpu::gather_add({.own = own_rows.const_data_ptr<float>() + begin * channels,
                     .other = other_rows.const_data_ptr<float>(),
                     .neighbours = indices.const_data_ptr<std::int64_t>() + begin * k,
                     .out = out.mutable_data_ptr<float>() + begin * k * channels,
                     .particles = end - begin,
                     .rows = other.size(0),
                     .k = k,
                     .channels = channels,
                     .relu = relu});
  });
  return out;
}

/// The same in a graph; n == rows.
struct GatherAdd : torch::autograd::Function<GatherAdd> {
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& own,
                            const at::Tensor& other, const at::Tensor& neighbours) {
    context->save_for_backward({neighbours});
    return gather(own, other, neighbours, /*relu=*/false);
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& gradients) {
    const at::Tensor neighbours = context->get_saved_variables()[0].contiguous();
    const at::Tensor gradient = gradients[0].contiguous();
    at::Tensor own = at::zeros({neighbours.size(0), gradient.size(1)}, gradient.options());
    at::Tensor other = at::zeros_like(own);
    cpu::scatter_edges({.in = gradient.const_data_ptr<float>(),
                        .neighbours = neighbours.const_data_ptr<std::int64_t>(),
                        .own = own.mutable_data_ptr<float>(),
                        .other = other.mutable_data_ptr<float>(),
                        .particles = neighbours.size(0),
                        .k = neighbours.size(1),
                        .channels = gradient.size(1)});
    return {own, other, at::Tensor()};
  }
};

at::Tensor gather_by_aten(const at::Tensor& own, const at::Tensor& other,
                          const at::Tensor& neighbours) {
  const at::Tensor padded = at::constant_pad_nd(other, {0, 0, 0, 1});
  const at::Tensor rows = neighbours.reshape({-1}).clamp_max(other.size(0));
  const at::Tensor gathered =
      at::index_select(padded, 0, rows).view({own.size(0), -1, own.size(1)});
  return (gathered + own.unsqueeze(1)).view({-1, own.size(1)});
}

void count_gather(const at::Tensor& own, const at::Tensor& neighbours, std::int64_t flops) {
  const std::int64_t edges = neighbours.numel();
  count({.elementwise = edges * own.size(1) * flops,
         .bytes = (own.size(0) + 2 * edges) * own.size(1) * own.element_size()});
}

}  // namespace

at::Tensor gather_add(const at::Tensor& own, const at::Tensor& other,
                      const at::Tensor& neighbours) {
  count_gather(own, neighbours, flops_of::add);
  return cpu::is_float(own) ? GatherAdd::apply(own, other, neighbours)
                            : gather_by_aten(own, other, neighbours);
}

at::Tensor gather_add_relu(const at::Tensor& own, const at::Tensor& other,
                           const at::Tensor& neighbours) {
  count_gather(own, neighbours, add_and_relu);
  return cpu::usable(own) ? gather(own, other, neighbours, /*relu=*/true)
                          : at::relu(gather_by_aten(own, other, neighbours));
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

at::Tensor edge_mean(const at::Tensor& x, std::int64_t k) {
  const std::int64_t n = x.size(0) / k;
  count({.elementwise = x.numel() * flops_of::add,
         .bytes = (x.numel() + n * x.size(1)) * x.element_size()});
  return x.view({n, k, x.size(1)}).mean(1);
}

}  // namespace eebench::nn
