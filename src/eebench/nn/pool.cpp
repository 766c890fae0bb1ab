#include "eebench/nn/pool.hpp"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include "eebench/nn/cpu/kernels.hpp"
#include "eebench/nn/cpu/pool_simd.hpp"
#include "eebench/nn/work.hpp"

namespace eebench::nn {
namespace {

void count_reduction(const at::Tensor& x, const Ragged& jets) {
  count({.elementwise = x.numel() * flops_of::add,
         .bytes = (x.numel() + jets.jets() * x.size(1)) * x.element_size()});
}

at::Tensor reduce(const at::Tensor& x, const Ragged& jets, c10::string_view how) {
  count_reduction(x, jets);
  // One jet's rows are reduced on their own, in their own order.
  return at::segment_reduce(x, how, jets.multiplicities(x.device()), {}, {}, /*axis=*/0,
                            /*unsafe=*/true);
}

at::Tensor add_up(const at::Tensor& x, const Ragged& jets, bool mean) {
  if (!cpu::usable(x)) {
    return reduce(x, jets, mean ? "mean" : "sum");
  }
  count_reduction(x, jets);
  const std::int64_t channels = x.size(1);
  const at::Tensor dense = x.contiguous();
  at::Tensor out = at::empty({jets.jets(), channels}, x.options());
  at::parallel_for(0, jets.jets(), 1, [&](std::int64_t begin, std::int64_t end) {
    cpu::sum_pool({.x = dense.const_data_ptr<float>(),
                   .offsets = jets.offsets().data() + begin,
                   .out = out.mutable_data_ptr<float>() + begin * channels,
                   .segments = end - begin,
                   .channels = channels,
                   .mean = mean});
  });
  return out;
}

}  // namespace

at::Tensor sum_pool(const at::Tensor& x, const Ragged& jets) { return add_up(x, jets, false); }
at::Tensor mean_pool(const at::Tensor& x, const Ragged& jets) { return add_up(x, jets, true); }
at::Tensor max_pool(const at::Tensor& x, const Ragged& jets) { return reduce(x, jets, "max"); }

}  // namespace eebench::nn
