#include "eebench/nn/cpu/kernels.hpp"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/GradMode.h>

#include "eebench/nn/cpu/attention_simd.hpp"
#include "eebench/nn/cpu/dense_simd.hpp"
#include "eebench/nn/cpu/layer_norm_simd.hpp"
#include "eebench/nn/cpu/pair_simd.hpp"

namespace eebench::nn::cpu {

bool is_float(const at::Tensor& x) { return x.device().is_cpu() && x.scalar_type() == at::kFloat; }

bool usable(const at::Tensor& x) { return is_float(x) && !c10::GradMode::is_enabled(); }

at::Tensor panels(const at::Tensor& weight) {
  if (!is_float(weight)) {
    return {};
  }
  const at::Tensor matrix = weight.detach().contiguous();
  const std::int64_t out = matrix.size(0);
  const std::int64_t in = matrix.size(1);
  at::Tensor packed =
      at::empty({(out + panel_width - 1) / panel_width, in, panel_width}, matrix.options());
  pack_panels(matrix.const_data_ptr<float>(), in, out, packed.mutable_data_ptr<float>());
  return packed;
}

at::Tensor linear(const at::Tensor& x, const at::Tensor& panels, const at::Tensor& bias,
                  std::int64_t out, Activation activation) {
  const at::Tensor input = x.contiguous();
  const at::Tensor shift = bias.defined() ? bias.contiguous() : bias;
  const std::int64_t in = panels.size(1);
  at::Tensor y = at::empty({input.size(0), out}, input.options());
  constexpr std::int64_t rows_of_a_task = 96;
  at::parallel_for(0, input.size(0), rows_of_a_task, [&](std::int64_t begin, std::int64_t end) {
    linear({.x = input.const_data_ptr<float>() + begin * in,
            .panels = panels.const_data_ptr<float>(),
            .bias = shift.defined() ? shift.const_data_ptr<float>() : nullptr,
            .y = y.mutable_data_ptr<float>() + begin * out,
            .rows = end - begin,
            .in = in,
            .out = out,
            .activation = activation});
  });
  return y;
}

void gelu_in_place(at::Tensor& x) {
  float* data = x.mutable_data_ptr<float>();
  at::parallel_for(0, x.numel(), 32768,
                   [&](std::int64_t begin, std::int64_t end) { gelu(data + begin, end - begin); });
}

at::Tensor layer_norm(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                      double eps) {
  const at::Tensor input = x.contiguous();
  const at::Tensor scale = weight.contiguous();
  const at::Tensor shift = bias.contiguous();
  const std::int64_t channels = input.size(1);
  at::Tensor y = at::empty_like(input);
  constexpr std::int64_t rows_of_a_task = 96;
  at::parallel_for(0, input.size(0), rows_of_a_task, [&](std::int64_t begin, std::int64_t end) {
    layer_norm({.x = input.const_data_ptr<float>() + begin * channels,
                .scale = scale.const_data_ptr<float>(),
                .shift = shift.const_data_ptr<float>(),
                .y = y.mutable_data_ptr<float>() + begin * channels,
                .rows = end - begin,
                .channels = channels,
                .eps = static_cast<float>(eps)});
  });
  return y;
}

at::Tensor pair_features(const at::Tensor& vectors, const Ragged& jets, std::int64_t first,
                         std::int64_t last) {
  const at::Tensor input = vectors.contiguous();
  std::int64_t pairs = 0;
  for (std::int64_t jet = first; jet < last; ++jet) {
    pairs += unordered_pairs(jets.multiplicity(jet));
  }
  at::Tensor features = at::empty({pairs, 4}, input.options());
  float* out = features.mutable_data_ptr<float>();
  for (std::int64_t jet = first; jet < last; ++jet) {
    const std::int64_t n = jets.multiplicity(jet);
    const std::int64_t particle = jets.offsets()[static_cast<std::size_t>(jet)];
    pair_features(input.const_data_ptr<float>() + 4 * particle, n, out);
    out += 4 * unordered_pairs(n);
  }
  return features;
}

at::Tensor mirror_pairs(const at::Tensor& lower, const Ragged& jets, std::int64_t first,
                        std::int64_t last) {
  const at::Tensor input = lower.contiguous();
  const std::int64_t heads = input.size(1);
  const std::int64_t base = jets.pair_offsets()[static_cast<std::size_t>(first)];
  const std::int64_t squares = jets.pair_offsets()[static_cast<std::size_t>(last)] - base;
  at::Tensor square = at::empty({squares, heads}, input.options());
  const float* from = input.const_data_ptr<float>();
  float* out = square.mutable_data_ptr<float>();
  for (std::int64_t jet = first; jet < last; ++jet) {
    const std::int64_t n = jets.multiplicity(jet);
    mirror_pairs(from, n, heads, out);
    from += unordered_pairs(n) * heads;
    out += n * n * heads;
  }
  return square;
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
