#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <benchmark/benchmark.h>
#include <c10/core/GradMode.h>

#include "eebench/model/state.hpp"
#include "eebench/nn/attention.hpp"
#include "eebench/nn/edge_aggregation.hpp"
#include "eebench/nn/elementwise.hpp"
#include "eebench/nn/knn.hpp"
#include "eebench/nn/linear.hpp"
#include "eebench/nn/norm.hpp"
#include "eebench/nn/pair_features.hpp"
#include "eebench/nn/pool.hpp"

namespace {

using namespace eebench;

/// Jets of 20 to 60 constituents, 40 in the mean, as real ones.
nn::Ragged jets_of(std::int64_t count) {
  std::vector<std::int64_t> offsets = {0};
  for (std::int64_t jet = 0; jet < count; ++jet) {
    offsets.push_back(offsets.back() + 20 + 7 * jet % 41);
  }
  return nn::Ragged(offsets);
}

/// Batch sizes; counts jets, on one thread, without gradients.
template <class Operation>
void time(benchmark::State& state, const Operation& operation) {
  const at::NoGradGuard no_grad;
  at::set_num_threads(1);
  const nn::Ragged jets = jets_of(state.range(0));
  const auto run = operation(jets);
  for (auto _ : state) {
    benchmark::DoNotOptimize(run());
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

void linear_gelu(benchmark::State& state) {
  time(state, [](const nn::Ragged& jets) {
    return [x = at::randn({jets.particles(), 128}),
            layer = nn::prepared({at::randn({512, 128}), at::randn({512})})] {
      return nn::linear(x, layer, {}, nn::Activation::gelu);
    };
  });
}

void layer_norm(benchmark::State& state) {
  time(state, [](const nn::Ragged& jets) {
    return [x = at::randn({jets.particles(), 128}), norm = nn::LayerNorm(128).ptr()] {
      return norm->forward(x, {});
    };
  });
}

void self_attention(benchmark::State& state) {
  time(state, [](const nn::Ragged& jets) {
    return [&jets, q = at::randn({jets.particles(), 128}), bias = at::randn({jets.pairs(), 8})] {
      return nn::self_attention(q, q, q, bias, jets, 8, {}, {});
    };
  });
}

void class_attention(benchmark::State& state) {
  time(state, [](const nn::Ragged& jets) {
    return [&jets, q = at::randn({jets.jets(), 128}), k = at::randn({jets.particles(), 128})] {
      return nn::class_attention(q, k, k, jets, 8, {});
    };
  });
}

void pair_features(benchmark::State& state) {
  time(state, [](const nn::Ragged& jets) {
    const at::Tensor momentum = at::randn({jets.particles(), 3});
    const at::Tensor energy = momentum.norm(2, 1, true) * 1.01;
    return [vectors = at::cat({momentum, energy}, 1), &jets] {
      return nn::pair_features(vectors, jets, 0, jets.jets());
    };
  });
}

void nearest_neighbours(benchmark::State& state) {
  time(state, [](const nn::Ragged& jets) {
    return [&jets, x = at::randn({jets.particles(), 64})] {
      return nn::nearest_neighbours(x, jets, 16, {});
    };
  });
}

void gather_add_relu(benchmark::State& state) {
  time(state, [](const nn::Ragged& jets) {
    const at::Tensor x = at::randn({jets.particles(), 64});
    return [x, neighbours = nn::nearest_neighbours(x, jets, 16, {})] {
      return nn::gather_add_relu(x, x, neighbours);
    };
  });
}

void gelu(benchmark::State& state) {
  time(state, [](const nn::Ragged& jets) {
    return [x = at::randn({jets.particles(), 512})] { return nn::gelu(x.clone(), {}); };
  });
}

void mean_pool(benchmark::State& state) {
  time(state, [](const nn::Ragged& jets) {
    return [&jets, x = at::randn({jets.particles(), 256})] { return nn::mean_pool(x, jets); };
  });
}

/// Every second jet goes on.
void compaction(benchmark::State& state) {
  time(state, [](const nn::Ragged& jets) {
    model::State inside(jets);
    inside.set("x", model::Axis::particle, at::randn({jets.particles(), 128}));
    inside.set("bias", model::Axis::pair, at::randn({jets.pairs(), 8}));
    std::vector<std::int64_t> survivors;
    for (std::int64_t jet = 0; jet < jets.jets(); jet += 2) {
      survivors.push_back(jet);
    }
    return [inside, survivors] { return inside.select(survivors).size(); };
  });
}

BENCHMARK(linear_gelu)->Arg(1)->Arg(64);
BENCHMARK(layer_norm)->Arg(1)->Arg(64);
BENCHMARK(self_attention)->Arg(1)->Arg(64);
BENCHMARK(class_attention)->Arg(1)->Arg(64);
BENCHMARK(pair_features)->Arg(1)->Arg(64);
BENCHMARK(nearest_neighbours)->Arg(1)->Arg(64);
BENCHMARK(gather_add_relu)->Arg(1)->Arg(64);
BENCHMARK(gelu)->Arg(1)->Arg(64);
BENCHMARK(mean_pool)->Arg(1)->Arg(64);
BENCHMARK(compaction)->Arg(2)->Arg(64);

}  // namespace
