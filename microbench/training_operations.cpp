#include <memory>
#include <numeric>

#include <ATen/ATen.h>
#include <benchmark/benchmark.h>

#include "eebench/comm/all_reducer.hpp"
#include "eebench/nn/attention.hpp"
#include "eebench/nn/edge_aggregation.hpp"
#include "eebench/nn/elementwise.hpp"
#include "eebench/nn/knn.hpp"
#include "eebench/nn/linear.hpp"
#include "eebench/nn/norm.hpp"
#include "eebench/nn/pair_features.hpp"
#include "eebench/nn/pool.hpp"
#include "eebench/train/rank_sum.hpp"
#include "microbench/timing.hpp"

namespace {

using namespace eebench;
using microbench::leaf;
using microbench::Step;
using microbench::time_training;

void train_linear_gelu(benchmark::State& state) {
  time_training(state, [&state](const nn::Ragged& jets, nn::Context context) {
    context.bfloat16 = state.range(1) != 0;
    const at::Tensor x = leaf({jets.particles(), 128});
    const nn::LinearWeights layer{leaf({512, 128}), leaf({512})};
    return Step{{x, layer.weight, layer.bias},
                [=] { return nn::linear(x, layer, context, nn::Activation::gelu); }};
  });
}

void train_dropout(benchmark::State& state) {
  time_training(state, [](const nn::Ragged& jets, const nn::Context& context) {
    const at::Tensor x = leaf({jets.particles(), 512});
    return Step{{x},
                [=] { return nn::dropout(x, 0.1, 0, jets.offsets(), context.jet_index, context); }};
  });
}

void train_dropout_jets(benchmark::State& state) {
  time_training(state, [](const nn::Ragged& jets, const nn::Context& context) {
    const at::Tensor x = leaf({jets.jets(), 512});
    return Step{{x}, [=] { return nn::dropout_jets(x, 0.1, 0, context); }};
  });
}

void train_layer_norm(benchmark::State& state) {
  time_training(state, [](const nn::Ragged& jets, const nn::Context& context) {
    const at::Tensor x = leaf({jets.particles(), 128});
    const auto norm = nn::LayerNorm(128).ptr();
    return Step{{x, norm->weight, norm->bias}, [=] { return norm->forward(x, context); }};
  });
}

/// BatchNorm of the edges of ParticleNet with statistics summed over ranks, of which there is one.
template <at::Tensor (nn::BatchNormImpl::*forward)(const at::Tensor&, const nn::Context&)>
void train_batch_norm(benchmark::State& state) {
  time_training(state, [](const nn::Ragged& jets, nn::Context context) {
    const std::shared_ptr<comm::AllReducer> alone = comm::make_all_reducer("self", {});
    context.sum_over_ranks = [alone](const at::Tensor& x) {
      return train::sum_over_ranks(x, alone);
    };
    const at::Tensor x = leaf({jets.particles() * 16, 64});
    const auto norm = nn::BatchNorm(64).ptr();
    return Step{{x, norm->weight, norm->bias}, [=] { return (norm.get()->*forward)(x, context); }};
  });
}

void train_self_attention(benchmark::State& state) {
  time_training(state, [](const nn::Ragged& jets, const nn::Context& context) {
    const at::Tensor q = leaf({jets.particles(), 128});
    const at::Tensor bias = leaf({jets.pairs(), 8});
    return Step{{q, bias},
                [=] { return nn::self_attention(q, q, q, bias, jets, 8, {.p = 0.1}, context); }};
  });
}

void train_class_attention(benchmark::State& state) {
  time_training(state, [](const nn::Ragged& jets, const nn::Context& context) {
    const at::Tensor q = leaf({jets.jets(), 128});
    const at::Tensor k = leaf({jets.particles(), 128});
    return Step{{q, k}, [=] { return nn::class_attention(q, k, k, jets, 8, context); }};
  });
}

void train_mirror_pairs(benchmark::State& state) {
  time_training(state, [](const nn::Ragged& jets, const nn::Context&) {
    const at::Tensor lower = leaf({nn::pair_rows(jets, 0, jets.jets(), at::kCPU).i.size(0), 8});
    return Step{{lower}, [=] { return nn::mirror_pairs(lower, jets, 0, jets.jets()); }};
  });
}

void train_gather_add(benchmark::State& state) {
  time_training(state, [](const nn::Ragged& jets, const nn::Context& context) {
    const at::Tensor own = leaf({jets.particles(), 64});
    const at::Tensor other = leaf({jets.particles(), 64});
    const at::Tensor neighbours = nn::nearest_neighbours(own.detach(), jets, 16, context);
    return Step{{own, other}, [=] { return nn::gather_add(own, other, neighbours); }};
  });
}

void train_mean_pool(benchmark::State& state) {
  time_training(state, [](const nn::Ragged& jets, const nn::Context&) {
    const at::Tensor x = leaf({jets.particles(), 256});
    return Step{{x}, [=] { return nn::mean_pool(x, jets); }};
  });
}

BENCHMARK(train_linear_gelu)->ArgNames({"", "bfloat16"})->Args({64, 0})->Args({64, 1});
BENCHMARK(train_dropout)->Arg(64);
BENCHMARK(train_dropout_jets)->Arg(64);
BENCHMARK(train_layer_norm)->Arg(64);
BENCHMARK(train_batch_norm<&nn::BatchNormImpl::forward>)->Name("train_batch_norm")->Arg(64);
BENCHMARK(train_batch_norm<&nn::BatchNormImpl::forward_relu>)
    ->Name("train_batch_norm_relu")
    ->Arg(64);
BENCHMARK(train_self_attention)->Arg(64);
BENCHMARK(train_class_attention)->Arg(64);
BENCHMARK(train_mirror_pairs)->Arg(64);
BENCHMARK(train_gather_add)->Arg(64);
BENCHMARK(train_mean_pool)->Arg(64);

}  // namespace
