#include <algorithm>
#include <string>
#include <vector>

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <cuda_runtime_api.h>

#include "check.hpp"
#include "eebench/core/names.hpp"
#include "eebench/exits/rule.hpp"
#include "eebench/model/particlenext/particlenext.hpp"
#include "eebench/model/pcnn/pcnn.hpp"
#include "eebench/model/pelican/pelican.hpp"
#include "eebench/model/pfn/pfn.hpp"
#include "eebench/model/sequential/sequential.hpp"
#include "eebench/train/loss.hpp"
#include "eebench/train/optimiser.hpp"
#include "tests/exec/small_networks.hpp"

namespace eebench::test {
namespace {

const at::Device gpu(at::kCUDA, 0);

/// One of every folder of models, small, with drawn weights.
struct Kind {
  const char* name;
  std::unique_ptr<model::Network> (*make)();
  bool neighbours;  ///< finds them: at nearly equal distances they may change places in float32
  bool images = false;
};
const Kind kinds[] = {
    {"part", [] { return test::network("part"); }, false},
    {"particlenet", [] { return test::network("particlenet"); }, true},
    {"particlenext",
     [] {
       return model::make_particlenext({.node = 16,
                                        .message = 32,
                                        .slices = {4, 8},
                                        .layers = {32, 32},
                                        .fc = 32,
                                        .exits_after = {1},
                                        .exit_particle_widths = {32},
                                        .exit_width = 16});
     },
     true},
    {"pfn",
     [] {
       return model::make_pfn({.phi = {32, 32}, .f = {32}, .exits_after = {1}, .exit_width = 16});
     },
     false},
    {"p-cnn",
     [] {
       return model::make_pcnn(
           {.first = 16, .stages = {{16}, {32}}, .fc = 32, .exits_after = {1}, .exit_width = 16});
     },
     false},
    {"pelican-nano", [] { return model::make_pelican_nano({}); }, false},
    {"pelican",
     [] {
       return model::make_pelican({.classes = 10,
                                   .scalar_channels = 4,
                                   .m_channels = {8, 8},
                                   .channels_2to2 = {6, 6},
                                   .m_out = {8, 6},
                                   .out = 8,
                                   .exits_after = {1}});
     },
     false},
    {"sequential",
     [] {
       using namespace model;
       const LayerConfig flatten{FlattenConfig{}};
       const LayerConfig norm{NormConfig{}};
       const LayerConfig relu{ActivationConfig{}};
       const LayerConfig conv{ConvConfig{.out = 16, .padding = 1}};
       return make_sequential({.features = 192,
                               .input = {3, 8, 8},
                               .layers = {conv,
                                          norm,
                                          relu,
                                          {PoolConfig{.size = 2}},
                                          {ResidualConfig{.layers = {conv, norm}}},
                                          relu,
                                          {PoolConfig{.maximum = false}},
                                          flatten},
                               .classifier = {{DropoutConfig{.p = 0.3}}, {LinearConfig{10}}},
                               .exits_after = {4},
                               .head = {flatten, {LinearConfig{10}}}});
     },
     false, true},
};

/// Of 3 x 8 x 8 pixels.
data::JetBatch some_images(std::int64_t count) {
  data::JetBatch batch = jets_of(std::vector<std::int64_t>(static_cast<std::size_t>(count), 1));
  batch.features_per_particle = 192;
  batch.features.clear();
  for (std::int64_t pixel = 0; pixel < 192 * count; ++pixel) {
    const auto counter = static_cast<std::uint64_t>(pixel);
    batch.features.push_back(static_cast<float>(2.0 * uniform(9, counter) - 1.0));
  }
  return batch;
}

std::unique_ptr<model::Network> drawn(const Kind& kind) {
  at::manual_seed(3);
  return kind.make();
}

std::vector<at::Tensor> all_exits(model::Network& network, const data::JetBatch& jets,
                                  at::Device device, at::ScalarType type, nn::Context context) {
  model::State state = network.stem(model::make_inputs(jets, device, type), context);
  std::vector<at::Tensor> logits;
  for (std::int64_t k = 0; k < network.exits(); ++k) {
    state = network.segment(k, state, context);
    logits.push_back(network.head(k, state, context).logits);
  }
  return logits;
}

double difference(const at::Tensor& a, const at::Tensor& b) {
  const at::Tensor host = b.detach().to(at::kCPU, at::kDouble);
  return (a.detach().to(at::kCPU, at::kDouble) - host).abs().max().item<double>() /
         (host.abs().max().item<double>() + 1e-30);
}

/// Share of the jets of which a number differs by more than so much of the largest.
double share_beyond(const at::Tensor& a, const at::Tensor& b, double tolerance) {
  const at::Tensor host = b.detach().to(at::kCPU, at::kDouble);
  const at::Tensor apart = (a.detach().to(at::kCPU, at::kDouble) - host).abs().amax(1);
  return at::gt(apart, tolerance * host.abs().max()).to(at::kDouble).mean().item<double>();
}

void close(const std::string& what, const at::Tensor& found, const at::Tensor& expected,
           double tolerance) {
  const double worst = difference(found, expected);
  check(worst <= tolerance, what + " differs by " + std::to_string(worst));
}

void test_forward(const Kind& kind, const data::JetBatch& jets) {
  const at::NoGradGuard no_grad;
  const auto network = drawn(kind);
  network->eval();
  network->to(at::kDouble);
  const auto expected = all_exits(*network, jets, at::kCPU, at::kDouble, {});
  network->to(gpu, at::kDouble);
  const auto doubles = all_exits(*network, jets, gpu, at::kDouble, {});
  network->to(gpu, at::kFloat);
  network->prepare();
  const auto floats = all_exits(*network, jets, gpu, at::kFloat, {});
  for (std::size_t k = 0; k < expected.size(); ++k) {
    const std::string where = std::string(kind.name) + ": logits of exit " + std::to_string(k);
    close(where + " in float64", doubles[k], expected[k], 1e-9);
    check(share_beyond(floats[k], expected[k], 1e-3) <= (kind.neighbours ? 0.1 : 0.0),
          where + " in float32");
  }
}

/// The parameters [count] after one step of training, dropout and BatchNorm included.
at::Tensor after_one_step(const Kind& kind, const data::JetBatch& jets, at::Device device) {
  const auto network = drawn(kind);
  network->train();
  network->to(device, at::kDouble);
  train::FlatParameters parameters(*network, {});
  const auto optimiser =
      entry_of(train::optimiser_registry(), "optimiser", "adamw").make(parameters.values());
  const nn::Context context{.training = true, .seed = 7, .step = 3, .jet_index = jets.index};
  const auto logits = all_exits(*network, jets, device, at::kDouble, context);
  const train::Settings settings{.global_batch = static_cast<std::int64_t>(jets.size()),
                                 .exit_weights = std::vector<double>(logits.size(), 0.5)};
  train::total_loss(train::plan_step(0, {.steps = 1}, settings), logits,
                    at::tensor(jets.labels, at::kLong).remainder(network->classes()).to(device),
                    settings)
      .backward();
  optimiser->update(parameters, 1, 0.01, 0.01);
  return parameters.values();
}

/// When run() returns, nothing is left for the device to do: its clock has seen all of it.
void test_executor(const Kind& kind, const data::JetBatch& jets) {
  const std::string name = kind.name;
  const auto executor = exec::make_executor(drawn(kind), {.device = "cuda"});
  const std::int64_t last = executor->exits() - 1;
  const exec::BatchTrace trace = executor->run_fixed(jets, last);
  check(cudaStreamQuery(nullptr) == cudaSuccess, name + ": work goes on after the last reading");
  double parts = trace.compact_seconds;
  for (std::size_t k = 0; k < trace.segment_seconds.size(); ++k) {
    check(trace.segment_seconds[k] > 0.0, name + ": seconds of a segment");
    check(trace.segment_peak_bytes[k] > 0, name + ": memory of a segment");
    parts += trace.segment_seconds[k];
  }
  parts += trace.head_seconds.back();
  check(std::abs(parts - trace.seconds) <= 1e-9, name + ": the parts' seconds add up to all");

  // Half of the jets leave at the first exit, the others go to the end.
  const std::vector<float> replayed = executor->replay(jets).logits;
  const auto classes = static_cast<std::size_t>(executor->classes());
  const std::size_t exits = trace.segment_seconds.size();
  std::vector<float> scores;
  for (std::size_t jet = 0; jet < jets.size(); ++jet) {
    scores.push_back(static_cast<float>(
        exits::summarise(std::span(replayed).subspan(jet * exits * classes, classes)).top[0]));
  }
  std::vector<float> sorted = scores;
  std::sort(sorted.begin(), sorted.end());
  const std::size_t half = sorted.size() / 2;
  const double threshold = 0.5 * (static_cast<double>(sorted[half - 1]) + sorted[half]);
  std::vector<double> thresholds(exits - 1, exits::never_leave);
  if (!thresholds.empty()) {
    thresholds[0] = threshold;
  }
  const exec::BatchTrace left = executor->run(jets, {}, thresholds);
  for (std::size_t jet = 0; jet < jets.size(); ++jet) {
    const bool early = last > 0 && static_cast<double>(scores[jet]) >= threshold;
    const auto exit = static_cast<std::size_t>(left.exit_index[jet]);
    check(exit == (early ? 0U : static_cast<std::size_t>(last)), name + ": exit that a jet takes");
    for (std::size_t c = 0; c < classes; ++c) {
      const float before = replayed[(jet * exits + exit) * classes + c];
      check(std::abs(left.logits[jet * classes + c] - before) <= 1e-3F * (1.0F + std::abs(before)),
            name + ": a jet that leaves has the replayed logits");
    }
  }
}

}  // namespace

void test_networks() {
  at::globalContext().setAllowTF32CuDNN(false);  // as nn::device_of
  const data::JetBatch some = some_jets(24);
  const data::JetBatch images = some_images(24);
  for (const Kind& kind : kinds) {
    const data::JetBatch& jets = kind.images ? images : some;
    const std::string name = kind.name;
    try {
      test_forward(kind, jets);
      close(name + ": parameters after a step", after_one_step(kind, jets, gpu),
            after_one_step(kind, jets, at::kCPU), 1e-9);
      test_executor(kind, jets);
    } catch (const std::exception& error) {
      check(false, name + ": " + error.what());
    }
  }
}

}  // namespace eebench::test
