#include "eebench/nn/gate.hpp"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include "eebench/nn/work.hpp"

namespace eebench::nn {

at::Tensor gate(at::Tensor x, const at::Tensor& scores, const at::Tensor& gain,
                const Ragged& jets) {
  count({.elementwise = scores.numel() * (sigmoid_flops + (gain.defined() ? 1 : 0)) + x.numel(),
         .bytes = (2 * x.numel() + scores.numel()) * x.element_size()});
  at::Tensor factors = at::sigmoid(scores);
  if (gain.defined()) {
    factors = factors * gain;
  }
  if (c10::GradMode::is_enabled() || !x.device().is_cpu()) {
    return x * at::repeat_interleave(factors, jets.multiplicities(x.device()), 0, x.size(0));
  }
  for (std::int64_t jet = 0; jet < jets.jets(); ++jet) {
    x.narrow(0, jets.offsets()[static_cast<std::size_t>(jet)], jets.multiplicity(jet))
        .mul_(factors[jet]);
  }
  return x;
}

}  // namespace eebench::nn
