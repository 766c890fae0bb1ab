#include "eebench/nn/lorentz_layer.hpp"

#include <algorithm>

#include <ATen/ATen.h>
#include <ATen/Dispatch.h>
#include <ATen/Parallel.h>

namespace eebench::nn {

at::Tensor lorentz_layer_sums(const at::Tensor& vectors, const Ragged& jets,
                              std::span<const cpu::PairWeights> weights, const at::Tensor& first,
                              std::int64_t most) {
  TORCH_CHECK(vectors.device().is_cpu(), "this layer runs on CPUs");
  const std::int64_t channels = static_cast<std::int64_t>(weights.size()) / jets.jets();
  const auto own = [&](std::int64_t jet) {
    return most > 0 ? std::min(most, jets.multiplicity(jet)) : jets.multiplicity(jet);
  };
  for (std::int64_t jet = 0; jet < jets.jets(); ++jet) {
    const std::int64_t n = first.size(0) + own(jet);
    count(lorentz_layer_work(n, n * n, 1, channels, vectors.element_size()));
  }
  const at::Tensor input = vectors.contiguous();
  const at::Tensor before = first.contiguous();
  at::Tensor out = at::empty({jets.jets(), channels, 2}, input.options());
  AT_DISPATCH_FLOATING_TYPES(input.scalar_type(), "lorentz_layer_sums", [&] {
    at::parallel_for(0, jets.jets(), 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t jet = begin; jet < end; ++jet) {
        const auto j = static_cast<std::size_t>(jet);
        const auto c = static_cast<std::size_t>(channels);
        cpu::lorentz_layer(cpu::VectorsOfJet<scalar_t>{.first = before.const_data_ptr<scalar_t>(),
                                                       .firsts = before.size(0),
                                                       .own = input.const_data_ptr<scalar_t>() +
                                                              4 * jets.offsets()[j],
                                                       .owns = own(jet)},
                           weights.subspan(j * c, c),
                           out.mutable_data_ptr<scalar_t>() + 2 * channels * jet);
      }
    });
  });
  return out;
}

Work lorentz_layer_work(std::int64_t particles, std::int64_t pairs, std::int64_t jets,
                        std::int64_t channels, std::int64_t width) {
  // A pair: its product, and per channel two sums, the ReLU and the running sum. A particle: its
  // product with the jet, and per channel what its row, its column and the diagonal add.
  constexpr std::int64_t flops_of_a_pair = 3 * flops_of::add + flops_of::relu;
  constexpr std::int64_t flops_of_a_particle = 8;
  return {.multiply_adds = (4 + channels) * pairs + (4 + 3 * channels) * particles,
          .elementwise = channels * (flops_of_a_pair * pairs + flops_of_a_particle * particles),
          .bytes = width * (4 * particles + 2 * channels * jets)};
}

}  // namespace eebench::nn
