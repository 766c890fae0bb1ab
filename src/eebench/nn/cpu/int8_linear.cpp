#include "eebench/nn/cpu/int8_linear.hpp"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include "eebench/nn/cpu/dense_simd.hpp"

namespace eebench::nn::cpu {

Int8Weights int8_panels(const at::Tensor& integers, const at::Tensor& scale) {
  TORCH_CHECK(integers.scalar_type() == at::kChar && integers.dim() == 2,
              "weights of integers are int8 [out, in]");
  const at::Tensor matrix = integers.contiguous();
  const std::int64_t out = matrix.size(0);
  const std::int64_t in = matrix.size(1);
  TORCH_CHECK(in <= most_int8_inputs, "sums of ", in, " products may exceed 32 bits");
  const std::int64_t panels = (out + panel_width - 1) / panel_width;
  const std::int64_t padding = panels * panel_width - out;
  Int8Weights weights{
      .panels = at::empty({panels, groups_of(in), panel_width}, matrix.options().dtype(at::kInt)),
      .scale = at::constant_pad_nd(scale.to(at::kFloat).expand({out}), {0, padding}),
      .sums = at::constant_pad_nd(matrix.sum(1, /*keepdim=*/false, at::kInt), {0, padding}),
      .in = in,
      .out = out};
  pack_int8(matrix.const_data_ptr<std::int8_t>(), in, out,
            weights.panels.mutable_data_ptr<std::int32_t>());
  return weights;
}

at::Tensor linear_int8(const at::Tensor& x, const Int8Weights& weights, const Int8Grid& grid,
                       const at::Tensor& bias, Activation activation) {
  TORCH_CHECK(x.size(1) == weights.in, "a layer of ", weights.in, " inputs got ", x.size(1));
  TORCH_CHECK(
      grid.scale > 0 && grid.lowest <= grid.highest &&
          (grid.lowest < 0 ? grid.lowest >= -128 && grid.highest <= 127 : grid.highest <= 255),
      "activations of 8 bits are 0..255 or -128..127");
  const at::Tensor input = x.contiguous();
  const at::Tensor shift = bias.defined() ? bias.contiguous() : bias;
  at::Tensor y = at::empty({input.size(0), weights.out}, input.options());
  constexpr std::int64_t rows_of_a_task = 120;
  at::parallel_for(0, input.size(0), rows_of_a_task, [&](std::int64_t begin, std::int64_t end) {
    linear(Int8Layer{.x = input.const_data_ptr<float>() + begin * weights.in,
                     .grid = grid,
                     .panels = weights.panels.const_data_ptr<std::int32_t>(),
                     .scale = weights.scale.const_data_ptr<float>(),
                     .sums = weights.sums.const_data_ptr<std::int32_t>(),
                     .bias = shift.defined() ? shift.const_data_ptr<float>() : nullptr,
                     .y = y.mutable_data_ptr<float>() + begin * weights.out,
                     .rows = end - begin,
                     .in = weights.in,
                     .out = weights.out,
                     .activation = activation});
  });
  return y;
}

}  // namespace eebench::nn::cpu
