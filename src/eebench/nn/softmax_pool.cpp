#include "eebench/nn/softmax_pool.hpp"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include "eebench/nn/cpu/kernels.hpp"
#include "eebench/nn/cpu/pool_simd.hpp"
#include "eebench/nn/work.hpp"

namespace eebench::nn {
namespace {

at::Tensor by_kernel(const at::Tensor& values, const at::Tensor& scores, const Ragged& segments) {
  const at::Tensor dense_values = values.contiguous();
  const at::Tensor dense_scores = scores.contiguous();
  const std::int64_t channels = values.size(1);
  at::Tensor out = at::empty({segments.jets(), channels}, values.options());
  constexpr std::int64_t segments_of_a_task = 16;
  at::parallel_for(0, segments.jets(), segments_of_a_task,
                   [&](std::int64_t begin, std::int64_t end) {
                     cpu::softmax_pool({.values = dense_values.const_data_ptr<float>(),
                                        .scores = dense_scores.const_data_ptr<float>(),
                                        .offsets = segments.offsets().data() + begin,
                                        .out = out.mutable_data_ptr<float>() + begin * channels,
                                        .segments = end - begin,
                                        .channels = channels,
                                        .maps = scores.size(1)});
                   });
  return out;
}

}  // namespace

at::Tensor softmax_pool(const at::Tensor& values, const at::Tensor& scores,
                        const Ragged& segments) {
  const std::int64_t channels = values.size(1);
  const std::int64_t repeats = channels / scores.size(1);
  count({.multiply_adds = values.numel(),
         .elementwise = scores.numel() * flops_of::softmax,
         .bytes = (values.numel() + scores.numel() + segments.jets() * channels) *
                  values.element_size()});
  if (cpu::usable(values)) {
    return by_kernel(values, scores, segments);
  }
  const at::Tensor lengths = segments.multiplicities(values.device());
  const auto reduce = [&](const at::Tensor& x, c10::string_view how) {
    return at::segment_reduce(x, how, lengths, {}, {}, /*axis=*/0, /*unsafe=*/true);
  };
  const at::Tensor largest =
      at::repeat_interleave(reduce(scores.detach(), "max"), lengths, 0, scores.size(0));
  const at::Tensor weights = at::exp(scores - largest);
  return reduce(weights.repeat({1, repeats}) * values, "sum") /
         reduce(weights, "sum").repeat({1, repeats});
}

}  // namespace eebench::nn
