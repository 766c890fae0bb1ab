#include "eebench/nn/pool.hpp"

#include <ATen/ATen.h>

#include "eebench/nn/work.hpp"

namespace eebench::nn {
namespace {

void count_pool(const at::Tensor& x) {
  count({.elementwise = x.numel() * flops_of::add, .bytes = x.numel() * x.element_size()});
}

at::Tensor reduce(const at::Tensor& x, const Ragged& jets, c10::string_view how) {
  count_pool(x);
  // One jet's rows are reduced on their own, in their own order.
  return at::segment_reduce(x, how, jets.multiplicities(x.device()), {}, {}, /*axis=*/0,
                            /*unsafe=*/true);
}

}  // namespace

at::Tensor mean_pool(const at::Tensor& x, const Ragged& jets) { return reduce(x, jets, "mean"); }
at::Tensor max_pool(const at::Tensor& x, const Ragged& jets) { return reduce(x, jets, "max"); }

}  // namespace eebench::nn
