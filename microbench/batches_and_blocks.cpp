#include <array>
#include <memory>
#include <vector>

#include <ATen/ATen.h>
#include <benchmark/benchmark.h>

#include "eebench/model/part/blocks.hpp"
#include "eebench/model/particlenet/edge_conv.hpp"
#include "eebench/model/state.hpp"
#include "microbench/timing.hpp"

namespace {

using namespace eebench;
using microbench::time_inference;

/// What travels between the segments of ParT.
model::State state_of(const nn::Ragged& jets) {
  model::State inside(jets);
  inside.set("x", model::Axis::particle, at::randn({jets.particles(), 128}));
  inside.set("bias", model::Axis::pair, at::randn({jets.pairs(), 8}));
  return inside;
}

/// Every second jet goes on.
void compaction(benchmark::State& state) {
  time_inference(state, [](const nn::Ragged& jets) {
    std::vector<std::int64_t> survivors;
    for (std::int64_t jet = 0; jet < jets.jets(); jet += 2) {
      survivors.push_back(jet);
    }
    return [inside = state_of(jets), survivors] { return inside.select(survivors).size(); };
  });
}

void concatenation(benchmark::State& state) {
  time_inference(state, [](const nn::Ragged& jets) {
    return [halves = std::array{state_of(jets), state_of(jets)}] {
      return model::State::concat(halves).size();
    };
  });
}

void pack_and_unpack(benchmark::State& state) {
  time_inference(state, [](const nn::Ragged& jets) {
    return [inside = state_of(jets)] { return model::State::unpack(inside.pack()).size(); };
  });
}

/// The row lists of jets of equal multiplicity, made once a batch.
void group_jets(benchmark::State& state) {
  time_inference(state, [](const nn::Ragged& jets) {
    const std::vector<std::int64_t> offsets(jets.offsets().begin(), jets.offsets().end());
    return [offsets] { return nn::Ragged(offsets).groups(at::kCPU).size(); };
  });
}

void edge_convolution(benchmark::State& state) {
  time_inference(state, [](const nn::Ragged& jets) {
    const auto block = model::EdgeConv(64, std::vector<std::int64_t>{64, 64, 64}, 16).ptr();
    block->eval();
    block->prepare();
    return [&jets, block, x = at::randn({jets.particles(), 64})] {
      return block->forward(x, x, jets, {});
    };
  });
}

void embedding(benchmark::State& state) {
  time_inference(state, [](const nn::Ragged& jets) {
    const auto block = model::PartEmbed(17, std::vector<std::int64_t>{128, 512, 128}).ptr();
    block->eval();
    nn::prepare_linears(*block);
    return [block, x = at::randn({jets.particles(), 17})] { return block->forward(x, {}); };
  });
}

void pair_embedding(benchmark::State& state) {
  time_inference(state, [](const nn::Ragged& jets) {
    const auto block = model::PartPairEmbed(std::vector<std::int64_t>{64, 64, 64}, 8).ptr();
    block->eval();
    block->prepare();
    return [&jets, block, vectors = microbench::vectors_of(jets)] {
      return block->forward(vectors, jets, {});
    };
  });
}

std::shared_ptr<model::PartBlockImpl> part_block() {
  const auto block = model::PartBlock(model::PartBlockOptions{}).ptr();
  block->eval();
  nn::prepare_linears(*block);
  block->prepare();
  return block;
}

void particle_block(benchmark::State& state) {
  time_inference(state, [](const nn::Ragged& jets) {
    return [&jets, block = part_block(), x = at::randn({jets.particles(), 128}),
            bias = at::randn({jets.pairs(), 8})] { return block->forward(x, bias, jets, {}); };
  });
}

void class_block(benchmark::State& state) {
  time_inference(state, [](const nn::Ragged& jets) {
    return [&jets, block = part_block(), token = at::randn({jets.jets(), 128}),
            x = at::randn({jets.particles(), 128})] {
      return block->forward_class(token, x, jets, {});
    };
  });
}

BENCHMARK(compaction)->Arg(2)->Arg(64);
BENCHMARK(concatenation)->Arg(2)->Arg(64);
BENCHMARK(pack_and_unpack)->Arg(2)->Arg(64);
BENCHMARK(group_jets)->Arg(2)->Arg(64);
BENCHMARK(edge_convolution)->Arg(1)->Arg(64);
BENCHMARK(embedding)->Arg(1)->Arg(64);
BENCHMARK(pair_embedding)->Arg(1)->Arg(64);
BENCHMARK(particle_block)->Arg(1)->Arg(64);
BENCHMARK(class_block)->Arg(1)->Arg(64);

}  // namespace
