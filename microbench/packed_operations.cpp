#include <ATen/ATen.h>
#include <benchmark/benchmark.h>

#include "eebench/nn/attention.hpp"
#include "eebench/nn/edge_aggregation.hpp"
#include "eebench/nn/elementwise.hpp"
#include "eebench/nn/knn.hpp"
#include "eebench/nn/linear.hpp"
#include "eebench/nn/norm.hpp"
#include "eebench/nn/pair_features.hpp"
#include "eebench/nn/pool.hpp"
#include "microbench/timing.hpp"

namespace {

using namespace eebench;
using microbench::time_inference;

void linear_gelu(benchmark::State& state) {
  time_inference(state, [](const nn::Ragged& jets) {
    return [x = at::randn({jets.particles(), 128}),
            layer = nn::prepared({at::randn({512, 128}), at::randn({512})})] {
      return nn::linear(x, layer, {}, nn::Activation::gelu);
    };
  });
}

/// What `prepared` saves every call of linear_gelu.
void pack_weight(benchmark::State& state) {
  time_inference(state, [](const nn::Ragged&) {
    return [weight = at::randn({512, 128})] { return nn::prepared({weight}).panels; };
  });
}

void layer_norm(benchmark::State& state) {
  time_inference(state, [](const nn::Ragged& jets) {
    return [x = at::randn({jets.particles(), 128}), norm = nn::LayerNorm(128).ptr()] {
      return norm->forward(x, {});
    };
  });
}

void batch_norm(benchmark::State& state) {
  time_inference(state, [](const nn::Ragged& jets) {
    return [x = at::randn({jets.particles(), 64}), norm = nn::BatchNorm(64).ptr()] {
      return norm->forward(x, {});
    };
  });
}

void gelu(benchmark::State& state) {
  time_inference(state, [](const nn::Ragged& jets) {
    return [x = at::randn({jets.particles(), 512})] { return nn::gelu(x.clone(), {}); };
  });
}

void relu(benchmark::State& state) {
  time_inference(state, [](const nn::Ragged& jets) {
    return [x = at::randn({jets.particles(), 512})] { return nn::relu(x.clone(), {}); };
  });
}

void self_attention(benchmark::State& state) {
  time_inference(state, [](const nn::Ragged& jets) {
    return [&jets, q = at::randn({jets.particles(), 128}), bias = at::randn({jets.pairs(), 8})] {
      return nn::self_attention(q, q, q, bias, jets, 8, {}, {});
    };
  });
}

void class_attention(benchmark::State& state) {
  time_inference(state, [](const nn::Ragged& jets) {
    return [&jets, q = at::randn({jets.jets(), 128}), k = at::randn({jets.particles(), 128})] {
      return nn::class_attention(q, k, k, jets, 8, {});
    };
  });
}

void pair_features(benchmark::State& state) {
  time_inference(state, [](const nn::Ragged& jets) {
    return [&jets, vectors = microbench::vectors_of(jets)] {
      return nn::pair_features(vectors, jets, 0, jets.jets());
    };
  });
}

void pair_features_composite(benchmark::State& state) {
  time_inference(state, [](const nn::Ragged& jets) {
    return [vectors = microbench::vectors_of(jets), pairs = nn::pair_rows(jets, 0, jets.jets(), at::kCPU)] {
      return nn::pair_features(vectors, pairs);
    };
  });
}

void pair_rows(benchmark::State& state) {
  time_inference(state, [](const nn::Ragged& jets) {
    return [&jets] { return nn::pair_rows(jets, 0, jets.jets(), at::kCPU).i; };
  });
}

void mirror_pairs(benchmark::State& state) {
  time_inference(state, [](const nn::Ragged& jets) {
    const std::int64_t pairs = nn::pair_rows(jets, 0, jets.jets(), at::kCPU).i.size(0);
    return [&jets, lower = at::randn({pairs, 8})] {
      return nn::mirror_pairs(lower, jets, 0, jets.jets());
    };
  });
}

void nearest_neighbours(benchmark::State& state) {
  time_inference(state, [](const nn::Ragged& jets) {
    return [&jets, x = at::randn({jets.particles(), 64})] {
      return nn::nearest_neighbours(x, jets, 16, {});
    };
  });
}

void nearest_neighbours_composite(benchmark::State& state) {
  time_inference(state, [](const nn::Ragged& jets) {
    return [&jets, x = at::randn({jets.particles(), 64})] {
      return nn::nearest_neighbours_composite(x, jets, 16);
    };
  });
}

/// gather_add or gather_add_relu.
template <at::Tensor (*gather)(const at::Tensor&, const at::Tensor&, const at::Tensor&)>
void gathering(benchmark::State& state) {
  time_inference(state, [](const nn::Ragged& jets) {
    const at::Tensor x = at::randn({jets.particles(), 64});
    return [x, neighbours = nn::nearest_neighbours(x, jets, 16, {})] {
      return gather(x, x, neighbours);
    };
  });
}

void bias_relu_mean(benchmark::State& state) {
  time_inference(state, [](const nn::Ragged& jets) {
    return [x = at::randn({jets.particles() * 16, 64}), bias = at::randn({64})] {
      return nn::bias_relu_mean(x, bias, 16);
    };
  });
}

/// mean_pool or max_pool.
template <at::Tensor (*pool)(const at::Tensor&, const nn::Ragged&)>
void pooling(benchmark::State& state) {
  time_inference(state, [](const nn::Ragged& jets) {
    return [&jets, x = at::randn({jets.particles(), 256})] { return pool(x, jets); };
  });
}

BENCHMARK(linear_gelu)->Arg(1)->Arg(64);
BENCHMARK(pack_weight)->Arg(1);
BENCHMARK(layer_norm)->Arg(1)->Arg(64);
BENCHMARK(batch_norm)->Arg(1)->Arg(64);
BENCHMARK(gelu)->Arg(1)->Arg(64);
BENCHMARK(relu)->Arg(1)->Arg(64);
BENCHMARK(self_attention)->Arg(1)->Arg(64);
BENCHMARK(class_attention)->Arg(1)->Arg(64);
BENCHMARK(pair_features)->Arg(1)->Arg(64);
BENCHMARK(pair_features_composite)->Arg(1)->Arg(64);
BENCHMARK(pair_rows)->Arg(1)->Arg(64);
BENCHMARK(mirror_pairs)->Arg(1)->Arg(64);
BENCHMARK(nearest_neighbours)->Arg(1)->Arg(64);
BENCHMARK(nearest_neighbours_composite)->Arg(1)->Arg(64);
BENCHMARK(gathering<nn::gather_add>)->Name("gather_add")->Arg(1)->Arg(64);
BENCHMARK(gathering<nn::gather_add_relu>)->Name("gather_add_relu")->Arg(1)->Arg(64);
BENCHMARK(bias_relu_mean)->Arg(1)->Arg(64);
BENCHMARK(pooling<nn::mean_pool>)->Name("mean_pool")->Arg(1)->Arg(64);
BENCHMARK(pooling<nn::max_pool>)->Name("max_pool")->Arg(1)->Arg(64);

}  // namespace
