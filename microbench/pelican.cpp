#include "eebench/model/pelican/pelican.hpp"

#include <map>
#include <memory>
#include <string>

#include <ATen/ATen.h>
#include <benchmark/benchmark.h>

#include "eebench/model/weights.hpp"
#include "microbench/timing.hpp"
#include "tests/model/pelican_textbook.hpp"

namespace {

using namespace eebench;

/// As many jets as the reference keeps constituents of at most: with the beams, 82 particles.
constexpr std::int64_t constituents = 80;

nn::Ragged long_jets(std::int64_t count) {
  std::vector<std::int64_t> offsets{0};
  for (std::int64_t jet = 0; jet < count; ++jet) {
    offsets.push_back(offsets.back() + constituents);
  }
  return nn::Ragged(std::move(offsets));
}

model::State batch_of(const nn::Ragged& jets) {
  model::State batch(jets);
  batch.set("vectors", model::Axis::particle, microbench::vectors_of(jets));
  return batch;
}

at::Tensor logits_of(model::Network& network, const model::State& batch) {
  nn::Context context;
  model::State state = network.stem(batch, context);
  for (std::int64_t k = 0; k < network.exits(); ++k) {
    state = network.segment(k, state, context);
  }
  return network.head(network.exits() - 1, state, context).logits;
}

/// The argument counts jets of 80 constituents, on one thread.
void time_network(benchmark::State& state, model::Network& network, bool prepared) {
  const at::NoGradGuard no_grad;
  at::set_num_threads(1);
  network.eval();
  if (prepared) {
    network.prepare();
  }
  const model::State batch = batch_of(long_jets(state.range(0)));
  for (auto _ : state) {
    benchmark::DoNotOptimize(logits_of(network, batch));
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

void nano_fused(benchmark::State& state) {
  time_network(state, *model::make_pelican_nano({}), /*prepared=*/true);
}

void nano_pairs(benchmark::State& state) {
  time_network(state, *model::make_pelican_nano({}), /*prepared=*/false);
}

void nano_textbook(benchmark::State& state) {
  const at::NoGradGuard no_grad;
  at::set_num_threads(1);
  const auto network = model::make_pelican_nano({});
  const model::StateDict tensors = model::state_dict(*network);
  const std::map<std::string, at::Tensor> parameters(tensors.begin(), tensors.end());
  const std::int64_t jets = state.range(0);
  const at::Tensor beams = at::tensor({0.0F, 0.0F, 1.0F, 1.0F, 0.0F, 0.0F, -1.0F, 1.0F});
  const at::Tensor vectors =
      at::cat({beams.view({1, 2, 4}).expand({jets, 2, 4}),
               microbench::vectors_of(long_jets(jets)).view({jets, constituents, 4})},
              1);
  const at::Tensor mask = at::ones({jets, constituents + 2}, at::kBool);
  for (auto _ : state) {
    benchmark::DoNotOptimize(test::textbook_nano(parameters, vectors, mask, 49.0));
  }
  state.SetItemsProcessed(state.iterations() * jets);
}

void pelican(benchmark::State& state) {
  time_network(state, *model::make_pelican({}), /*prepared=*/true);
}

BENCHMARK(nano_fused)->Arg(1)->Arg(64);
BENCHMARK(nano_pairs)->Arg(1)->Arg(64);
BENCHMARK(nano_textbook)->Arg(1)->Arg(64);
BENCHMARK(pelican)->Arg(1)->Arg(8);

}  // namespace
