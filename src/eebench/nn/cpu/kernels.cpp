#include "eebench/nn/cpu/kernels.hpp"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/GradMode.h>

#include "eebench/nn/cpu/simd.hpp"

namespace eebench::nn::cpu {

bool is_float(const at::Tensor& x) { return x.device().is_cpu() && x.scalar_type() == at::kFloat; }

bool usable(const at::Tensor& x) { return is_float(x) && !c10::GradMode::is_enabled(); }

at::Tensor linear_fixed_order(const at::Tensor& x, const at::Tensor& weight,
                              const at::Tensor& bias) {
  TORCH_CHECK(usable(x), "deterministic mode is for float32 inference on the CPU");
  const at::Tensor input = x.contiguous();
  const at::Tensor matrix = weight.contiguous();
  const std::int64_t in = matrix.size(1);
  const std::int64_t out = matrix.size(0);
  at::Tensor y = at::empty({input.size(0), out}, input.options());
  const float* bias_data = bias.defined() ? bias.const_data_ptr<float>() : nullptr;
  at::parallel_for(0, input.size(0), 512, [&](std::int64_t begin, std::int64_t end) {
    cpu::linear_fixed_order(input.const_data_ptr<float>() + begin * in,
                            matrix.const_data_ptr<float>(), bias_data,
                            y.mutable_data_ptr<float>() + begin * out, end - begin, in, out);
  });
  return y;
}

void gelu_in_place(at::Tensor& x) {
  float* data = x.mutable_data_ptr<float>();
  at::parallel_for(0, x.numel(), 32768,
                   [&](std::int64_t begin, std::int64_t end) { gelu(data + begin, end - begin); });
}

at::Tensor attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                     const at::Tensor& bias, const Ragged& queries, const Ragged& keys,
                     std::int64_t heads) {
  const std::int64_t channels = q.size(1);
  TORCH_CHECK(
      q.stride(1) == 1 && k.stride(1) == 1 && v.stride(1) == 1 && k.stride(0) == v.stride(0),
      "attention rows must be dense");
  at::Tensor out = at::empty({q.size(0), channels}, q.options());
  const float* bias_data = bias.defined() ? bias.const_data_ptr<float>() : nullptr;
  at::parallel_for(0, queries.jets(), 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t jet = begin; jet < end; ++jet) {
      const auto j = static_cast<std::size_t>(jet);
      const std::int64_t query = queries.offsets()[j];
      const std::int64_t key = keys.offsets()[j];
      attention(
          {.q = q.const_data_ptr<float>() + query * q.stride(0),
           .k = k.const_data_ptr<float>() + key * k.stride(0),
           .v = v.const_data_ptr<float>() + key * v.stride(0),
           .bias = bias_data == nullptr ? nullptr : bias_data + queries.pair_offsets()[j] * heads,
           .out = out.mutable_data_ptr<float>() + query * channels,
           .q_stride = q.stride(0),
           .kv_stride = k.stride(0),
           .queries = queries.multiplicity(jet),
           .keys = keys.multiplicity(jet),
           .heads = heads,
           .head_dim = channels / heads});
    }
  });
  return out;
}

}  // namespace eebench::nn::cpu
