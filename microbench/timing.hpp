#pragma once

#include <functional>
#include <numeric>
#include <vector>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <benchmark/benchmark.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/autograd.h>

#include "eebench/nn/context.hpp"
#include "eebench/nn/ragged.hpp"

namespace eebench::microbench {

/// Jets of 20 to 60 constituents, 40 in the mean, as real ones.
inline nn::Ragged jets_of(std::int64_t count) {
  std::vector<std::int64_t> offsets = {0};
  for (std::int64_t jet = 0; jet < count; ++jet) {
    offsets.push_back(offsets.back() + 20 + 7 * jet % 41);
  }
  return nn::Ragged(offsets);
}

/// (px, py, pz, E) of light particles: [sum n, 4].
inline at::Tensor vectors_of(const nn::Ragged& jets) {
  const at::Tensor momentum = at::randn({jets.particles(), 3});
  return at::cat({momentum, momentum.norm(2, 1, true) * 1.01}, 1);
}

/// The argument counts jets, on one thread, without gradients. `operation(jets)` makes what is
/// timed.
template <class Operation>
void time_inference(benchmark::State& state, const Operation& operation) {
  const at::NoGradGuard no_grad;
  at::set_num_threads(1);
  const nn::Ragged jets = jets_of(state.range(0));
  const auto run = operation(jets);
  for (auto _ : state) {
    benchmark::DoNotOptimize(run());
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

/// An operation in training: what it computes, and the leaves that want a gradient of it.
struct Step {
  std::vector<at::Tensor> inputs;
  std::function<at::Tensor()> forward;
};

inline at::Tensor leaf(at::IntArrayRef shape) { return at::randn(shape).requires_grad_(); }

/// Forward and backward pass of the Step that `operation(jets, context)` makes, on one thread.
template <class Operation>
void time_training(benchmark::State& state, const Operation& operation) {
  at::set_num_threads(1);
  const nn::Ragged jets = jets_of(state.range(0));
  nn::Context context{.training = true};
  context.jet_index.resize(static_cast<std::size_t>(jets.jets()));
  std::iota(context.jet_index.begin(), context.jet_index.end(), 0);
  const Step step = operation(jets, context);
  const at::Tensor gradient = at::ones_like(step.forward());
  for (auto _ : state) {
    benchmark::DoNotOptimize(
        torch::autograd::grad({step.forward()}, step.inputs, /*grad_outputs=*/{gradient}));
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

}  // namespace eebench::microbench
