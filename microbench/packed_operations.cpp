#include <functional>
#include <numeric>
#include <vector>

#include <ATen/ATen.h>
#include <benchmark/benchmark.h>

#include "eebench/nn/attention.hpp"
#include "eebench/nn/concat.hpp"
#include "eebench/nn/convolution.hpp"
#include "eebench/nn/edge_aggregation.hpp"
#include "eebench/nn/edges.hpp"
#include "eebench/nn/elementwise.hpp"
#include "eebench/nn/gate.hpp"
#include "eebench/nn/image.hpp"
#include "eebench/nn/knn.hpp"
#include "eebench/nn/linear.hpp"
#include "eebench/nn/lorentz_layer.hpp"
#include "eebench/nn/norm.hpp"
#include "eebench/nn/pair_features.hpp"
#include "eebench/nn/pairs.hpp"
#include "eebench/nn/pool.hpp"
#include "eebench/nn/softmax_pool.hpp"
#include "microbench/timing.hpp"

namespace {

using namespace eebench;
using Jets = nn::Ragged;
using Run = std::function<at::Tensor()>;

/// What is timed, made for a batch. Widths are those of the networks that use it.
struct Operation {
  const char* name;
  Run (*of)(const Jets& jets);
};

at::Tensor particles(const Jets& jets, std::int64_t channels) {
  return at::randn({jets.particles(), channels});
}

at::Tensor pairs(const Jets& jets, std::int64_t channels) {
  return at::randn({jets.pairs(), channels});
}

std::vector<std::int64_t> all_of(const Jets& jets) {
  std::vector<std::int64_t> numbers(static_cast<std::size_t>(jets.jets()));
  std::iota(numbers.begin(), numbers.end(), 0);
  return numbers;
}

/// Of unordered pairs.
at::Tensor half(const Jets& jets, std::int64_t channels) {
  return at::randn({nn::pair_rows(jets, 0, jets.jets(), at::kCPU).i.size(0), channels});
}

/// Those of ParticleNeXt: 32 of a particle, itself included.
constexpr std::int64_t neighbours = 32;
nn::Edges edges_in_plane(const Jets& jets) {
  return nn::edges_of(nn::nearest_in_plane(particles(jets, 2), jets, neighbours), jets);
}

at::Tensor rows_of(const nn::Edges& edges, std::int64_t channels) {
  return at::randn({edges.from.size(0), channels});
}

nn::PairTerms terms_of(const Jets& jets, std::int64_t channels) {
  return {.pairs = pairs(jets, channels),
          .rows = particles(jets, channels),
          .columns = particles(jets, channels),
          .diagonal = particles(jets, channels)};
}

at::Tensor padded(const Jets& jets) { return nn::pad(particles(jets, 32), jets, 100); }

at::Tensor images() { return at::randn({32, 16, 16, 64}); }

// Operations that may work in place get a copy.
const Operation operations[] = {
    {"linear_gelu_of_aten",
     [](const Jets& jets) -> Run {
       return [x = particles(jets, 128), weight = at::randn({512, 128}), bias = at::randn({512})] {
         return at::gelu(at::linear(x, weight, bias));
       };
     }},
    {"linear_gelu",
     [](const Jets& jets) -> Run {
       return [x = particles(jets, 128),
               layer = nn::prepared({at::randn({512, 128}), at::randn({512})})] {
         return nn::linear(x, layer, {}, nn::Activation::gelu);
       };
     }},
    // What `prepared` saves every call of linear_gelu.
    {"pack_weight",
     [](const Jets&) -> Run {
       return [weight = at::randn({512, 128})] { return nn::prepared({weight}).panels; };
     }},
    {"layer_norm",
     [](const Jets& jets) -> Run {
       return [x = particles(jets, 128), norm = nn::LayerNorm(128).ptr()] {
         return norm->forward(x, {});
       };
     }},
    {"batch_norm",
     [](const Jets& jets) -> Run {
       return [x = particles(jets, 64), norm = nn::BatchNorm(64).ptr()] {
         return norm->forward(x, {});
       };
     }},
    {"folded",
     [](const Jets&) -> Run {
       return [weight = at::randn({64, 64}), norm = nn::BatchNorm(64)] {
         return nn::folded({weight, {}}, norm).weight;
       };
     }},
    {"affine_relu",
     [](const Jets& jets) -> Run {
       return [x = particles(jets, 256), affine = nn::BatchNorm(256)->folded()] {
         return nn::affine_relu(x, affine);
       };
     }},
    {"gelu",
     [](const Jets& jets) -> Run {
       return [x = particles(jets, 512)] { return nn::gelu(x.clone(), {}); };
     }},
    {"relu",
     [](const Jets& jets) -> Run {
       return [x = particles(jets, 512)] { return nn::relu(x.clone(), {}); };
     }},
    {"activate_leaky_relu",
     [](const Jets& jets) -> Run {
       return [x = particles(jets, 512)] {
         return nn::activate(x.clone(), nn::Activation::leaky_relu, {});
       };
     }},
    {"add",
     [](const Jets& jets) -> Run {
       return [x = particles(jets, 128)] { return nn::add(x.clone(), x); };
     }},
    {"add_scaled",
     [](const Jets& jets) -> Run {
       return [x = particles(jets, 128), scale = at::randn({128})] {
         return nn::add_scaled(x.clone(), x, scale);
       };
     }},
    {"concat",
     [](const Jets& jets) -> Run {
       return [x = particles(jets, 128)] { return nn::concat({x, x}); };
     }},
    {"prepend",
     [](const Jets& jets) -> Run {
       return [&jets, token = at::randn({jets.jets(), 128}), x = particles(jets, 128)] {
         return nn::prepend(token, x, jets).x;
       };
     }},
    {"join",
     [](const Jets& jets) -> Run {
       return [x = particles(jets, 128)] { return nn::join({x, x}); };
     }},
    {"rows_of",
     [](const Jets& jets) -> Run {
       return [&jets, all = all_of(jets)] { return nn::rows_of(jets.offsets(), all, at::kCPU); };
     }},
    {"row_places",
     [](const Jets& jets) -> Run {
       return [&jets] { return nn::row_places(jets.pair_offsets(), at::kCPU).within; };
     }},
    {"spread",
     [](const Jets& jets) -> Run {
       return [&jets, places = nn::row_places(jets.pair_offsets(), at::kCPU)] {
         return nn::spread(jets.offsets(), places);
       };
     }},
    {"in_batch_order",
     [](const Jets& jets) -> Run {
       std::vector<at::Tensor> rows;
       std::vector<at::Tensor> parts;
       for (const nn::EqualJets& group : jets.groups(at::kCPU)) {
         rows.push_back(group.particle_rows);
         parts.push_back(at::randn({group.particle_rows.size(0), 128}));
       }
       return [parts, rows] { return nn::in_batch_order(parts, rows); };
     }},
    {"dropout_factors",
     [](const Jets& jets) -> Run {
       return [&jets, index = all_of(jets)] {
         return nn::dropout_factors(0.1, 0, jets.offsets(), 512, index, at::kFloat, {});
       };
     }},
    {"dropout_factors_composite",
     [](const Jets& jets) -> Run {
       return [&jets, index = all_of(jets)] {
         return nn::dropout_factors_composite(0.1, 0, jets.offsets(), 512, index, at::kFloat, {});
       };
     }},
    {"self_attention_padded",
     [](const Jets& jets) -> Run {
       return [&jets, q = particles(jets, 128), bias = pairs(jets, 8)] {
         return nn::self_attention_padded(q, q, q, bias, jets, 8, {}, {});
       };
     }},
    {"class_attention_padded",
     [](const Jets& jets) -> Run {
       return [&jets, q = at::randn({jets.jets(), 128}), k = particles(jets, 128)] {
         return nn::class_attention_padded(q, k, k, jets, 8);
       };
     }},
    {"self_attention",
     [](const Jets& jets) -> Run {
       return [&jets, q = particles(jets, 128), bias = pairs(jets, 8)] {
         return nn::self_attention(q, q, q, bias, jets, 8, {}, {});
       };
     }},
    {"class_attention",
     [](const Jets& jets) -> Run {
       return [&jets, q = at::randn({jets.jets(), 128}), k = particles(jets, 128)] {
         return nn::class_attention(q, k, k, jets, 8, {});
       };
     }},
    {"pair_features",
     [](const Jets& jets) -> Run {
       return [&jets, vectors = microbench::vectors_of(jets)] {
         return nn::pair_features(vectors, jets, 0, jets.jets());
       };
     }},
    {"pair_features_composite",
     [](const Jets& jets) -> Run {
       return [vectors = microbench::vectors_of(jets),
               rows = nn::pair_rows(jets, 0, jets.jets(), at::kCPU)] {
         return nn::pair_features(vectors, rows);
       };
     }},
    {"pair_rows",
     [](const Jets& jets) -> Run {
       return [&jets] { return nn::pair_rows(jets, 0, jets.jets(), at::kCPU).i; };
     }},
    {"mirror_pairs",
     [](const Jets& jets) -> Run {
       return
           [&jets, lower = half(jets, 8)] { return nn::mirror_pairs(lower, jets, 0, jets.jets()); };
     }},
    {"lorentz_products",
     [](const Jets& jets) -> Run {
       return [&jets, vectors = microbench::vectors_of(jets)] {
         return nn::lorentz_products(vectors, jets);
       };
     }},
    {"lorentz_layer_sums",
     [](const Jets& jets) -> Run {
       const auto channels = static_cast<std::size_t>(2 * jets.jets());
       return [&jets, vectors = microbench::vectors_of(jets), beams = at::ones({2, 4}),
               weights = std::vector<nn::cpu::PairWeights>(channels, {.pair = 1.0})] {
         return nn::lorentz_layer_sums(vectors, jets, weights, beams, 80);
       };
     }},
    {"pair_sums",
     [](const Jets& jets) -> Run {
       return [&jets, x = pairs(jets, 35)] { return nn::pair_sums(x, jets).rows; };
     }},
    {"pair_sums_composite",
     [](const Jets& jets) -> Run {
       return [&jets, x = pairs(jets, 35)] { return nn::pair_sums_composite(x, jets).rows; };
     }},
    {"pair_maxima",
     [](const Jets& jets) -> Run {
       return [&jets, x = pairs(jets, 35)] { return nn::pair_maxima(x, jets).total; };
     }},
    {"pair_mix",
     [](const Jets& jets) -> Run {
       return [&jets, terms = terms_of(jets, 35)] {
         return nn::pair_mix(terms, jets, nn::Activation::leaky_relu, {});
       };
     }},
    {"pair_mix_composite",
     [](const Jets& jets) -> Run {
       return [&jets, terms = terms_of(jets, 35)] { return nn::pair_mix_composite(terms, jets); };
     }},
    {"signed_power",
     [](const Jets& jets) -> Run {
       return [x = pairs(jets, 10), exponents = at::full({10}, 0.2)] {
         return nn::signed_power(x, exponents);
       };
     }},
    {"nearest_neighbours",
     [](const Jets& jets) -> Run {
       return [&jets, x = particles(jets, 64)] { return nn::nearest_neighbours(x, jets, 16, {}); };
     }},
    {"nearest_neighbours_composite",
     [](const Jets& jets) -> Run {
       return [&jets, x = particles(jets, 64)] {
         return nn::nearest_neighbours_composite(x, jets, 16);
       };
     }},
    {"nearest_in_plane",
     [](const Jets& jets) -> Run {
       return [&jets, points = particles(jets, 2)] {
         return nn::nearest_in_plane(points, jets, neighbours);
       };
     }},
    {"nearest_in_plane_composite",
     [](const Jets& jets) -> Run {
       return [&jets, points = particles(jets, 2)] {
         return nn::nearest_in_plane_composite(points, jets, neighbours);
       };
     }},
    {"gather_add",
     [](const Jets& jets) -> Run {
       const at::Tensor x = particles(jets, 64);
       return [x, near = nn::nearest_neighbours(x, jets, 16, {})] {
         return nn::gather_add(x, x, near);
       };
     }},
    {"gather_add_relu",
     [](const Jets& jets) -> Run {
       const at::Tensor x = particles(jets, 64);
       return [x, near = nn::nearest_neighbours(x, jets, 16, {})] {
         return nn::gather_add_relu(x, x, near);
       };
     }},
    {"bias_relu_mean",
     [](const Jets& jets) -> Run {
       return [x = at::randn({jets.particles() * 16, 64}), bias = at::randn({64})] {
         return nn::bias_relu_mean(x, bias, 16);
       };
     }},
    {"edge_mean",
     [](const Jets& jets) -> Run {
       return [x = at::randn({jets.particles() * 16, 64})] { return nn::edge_mean(x, 16); };
     }},
    {"edges_of",
     [](const Jets& jets) -> Run {
       return [&jets, table = nn::nearest_in_plane(particles(jets, 2), jets, neighbours)] {
         return nn::edges_of(table, jets).to;
       };
     }},
    {"to_table",
     [](const Jets& jets) -> Run {
       const nn::Edges edges = edges_in_plane(jets);
       return [edges, x = rows_of(edges, 8)] { return nn::to_table(x, edges, neighbours); };
     }},
    {"from_table",
     [](const Jets& jets) -> Run {
       return [edges = edges_in_plane(jets), table = particles(jets, neighbours * 8)] {
         return nn::from_table(table, edges, neighbours);
       };
     }},
    {"first_edges",
     [](const Jets& jets) -> Run {
       return [edges = edges_in_plane(jets)] { return nn::first_edges(edges, 8).rows; };
     }},
    {"take",
     [](const Jets& jets) -> Run {
       const nn::Edges edges = edges_in_plane(jets);
       return [x = rows_of(edges, 64), first = nn::first_edges(edges, 8)] {
         return nn::take(x, first);
       };
     }},
    {"edge_inputs",
     [](const Jets& jets) -> Run {
       const nn::Edges edges = edges_in_plane(jets);
       return [edges, f = particles(jets, 32), x = rows_of(edges, 8)] {
         return nn::edge_inputs(f, x, edges);
       };
     }},
    {"edge_sum_relu",
     [](const Jets& jets) -> Run {
       const nn::Edges edges = edges_in_plane(jets);
       return [edges, f = particles(jets, 64), x = rows_of(edges, 64)] {
         return nn::edge_sum_relu(f, f, x.clone(), edges);
       };
     }},
    {"gate",
     [](const Jets& jets) -> Run {
       const nn::Edges edges = edges_in_plane(jets);
       return [edges, x = rows_of(edges, 64), scores = at::randn({jets.jets(), 64})] {
         return nn::gate(x.clone(), scores, {}, edges.of_jets);
       };
     }},
    {"softmax_pool",
     [](const Jets& jets) -> Run {
       const nn::Edges edges = edges_in_plane(jets);
       return [edges, values = rows_of(edges, 64), scores = rows_of(edges, 8)] {
         return nn::softmax_pool(values, scores, edges.of_particles);
       };
     }},
    {"sum_pool",
     [](const Jets& jets) -> Run {
       return [&jets, x = particles(jets, 256)] { return nn::sum_pool(x, jets); };
     }},
    {"mean_pool",
     [](const Jets& jets) -> Run {
       return [&jets, x = particles(jets, 256)] { return nn::mean_pool(x, jets); };
     }},
    {"max_pool",
     [](const Jets& jets) -> Run {
       return [&jets, x = particles(jets, 256)] { return nn::max_pool(x, jets); };
     }},
    {"pad",
     [](const Jets& jets) -> Run {
       return [&jets, x = particles(jets, 32)] { return nn::pad(x, jets, 100); };
     }},
    {"windows",
     [](const Jets& jets) -> Run { return [x = padded(jets)] { return nn::windows(x, 3, 1); }; }},
    {"convolution",
     [](const Jets& jets) -> Run {
       return
           [x = padded(jets), layer = nn::Conv1d(32, 32).ptr()] { return layer->forward(x, {}); };
     }},
    {"convolution_of_images",
     [](const Jets&) -> Run {
       return [x = images(), weight = at::randn({64, 64, 3, 3})] {
         return nn::conv2d(x, {weight, {}, {}}, {.padding = 1}, {});
       };
     }},
    {"convolution_of_images_of_aten",
     [](const Jets&) -> Run {
       return [x = images(), weight = at::randn({64, 64, 3, 3})] {
         return at::conv2d(x.permute({0, 3, 1, 2}), weight, {}, 1, 1);
       };
     }},
    {"max_pool_of_images",
     [](const Jets&) -> Run { return [x = images()] { return nn::max_pool2d(x, 2, 2); }; }},
    {"mean_pool_of_images",
     [](const Jets&) -> Run { return [x = images()] { return nn::mean_pool2d(x, 2, 2); }; }},
};

[[maybe_unused]] const bool registered = [] {
  for (const Operation& operation : operations) {
    benchmark::RegisterBenchmark(
        operation.name,
        [&operation](benchmark::State& state) { microbench::time_inference(state, operation.of); })
        ->Arg(1)
        ->Arg(64);
  }
  return true;
}();

}  // namespace
