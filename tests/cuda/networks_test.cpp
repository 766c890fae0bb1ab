#include <string>
#include <vector>

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <cuda_runtime_api.h>

#include "check.hpp"
#include "eebench/core/names.hpp"
#include "eebench/train/loss.hpp"
#include "eebench/train/optimiser.hpp"
#include "tests/exec/small_networks.hpp"

namespace eebench::test {
namespace {

const at::Device gpu(at::kCUDA, 0);
const std::vector<double> weights{0.5, 0.25, 1.0};

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

void close(const std::string& what, const at::Tensor& found, const at::Tensor& expected,
           double tolerance) {
  const double worst = difference(found, expected);
  check(worst <= tolerance, what + " differs by " + std::to_string(worst));
}

void test_forward(const std::string& kind, const data::JetBatch& jets) {
  const at::NoGradGuard no_grad;
  const auto network = test::network(kind);
  network->eval();
  network->to(at::kDouble);
  const auto expected = all_exits(*network, jets, at::kCPU, at::kDouble, {});
  network->to(gpu, at::kDouble);
  const auto doubles = all_exits(*network, jets, gpu, at::kDouble, {});
  network->to(gpu, at::kFloat);
  network->prepare();
  const auto floats = all_exits(*network, jets, gpu, at::kFloat, {});
  for (std::size_t k = 0; k < expected.size(); ++k) {
    const std::string where = kind + ": logits of exit " + std::to_string(k);
    close(where + " in float64", doubles[k], expected[k], 1e-9);
    if (kind == "part") {  // neighbours at nearly equal distances may change places in float32
      close(where + " in float32", floats[k], expected[k], 1e-3);
    }
  }
}

/// The parameters [count] after one step of training, dropout and BatchNorm included.
at::Tensor after_one_step(const std::string& kind, const data::JetBatch& jets, at::Device device) {
  const auto network = test::network(kind);
  network->train();
  network->to(device, at::kDouble);
  train::FlatParameters parameters(*network);
  const auto optimiser =
      entry_of(train::optimiser_registry(), "optimiser", "adamw").make(parameters.values());
  const nn::Context context{.training = true, .seed = 7, .step = 3, .jet_index = jets.index};
  const auto logits = all_exits(*network, jets, device, at::kDouble, context);
  const train::Settings settings{.global_batch = static_cast<std::int64_t>(jets.size()),
                                 .exit_weights = weights};
  train::total_loss(train::plan_step(0, {.steps = 1}, settings), logits,
                    at::tensor(jets.labels, at::kLong).to(device), settings)
      .backward();
  optimiser->update(parameters, 1, 0.01, 0.01);
  return parameters.values();
}

/// When run() returns, nothing is left for the device to do: its clock has seen all of it.
void test_executor(const std::string& kind, const data::JetBatch& jets) {
  const auto executor = exec::make_executor(test::network(kind), {.device = "cuda"});
  const exec::BatchTrace trace = executor->run_fixed(jets, 2);
  check(cudaStreamQuery(nullptr) == cudaSuccess, kind + ": work goes on after the last reading");
  double parts = trace.compact_seconds;
  for (std::size_t k = 0; k < 3; ++k) {
    check(trace.segment_seconds[k] > 0.0, kind + ": seconds of a segment");
    check(trace.segment_peak_bytes[k] > 0, kind + ": memory of a segment");
    parts += trace.segment_seconds[k];
  }
  parts += trace.head_seconds[2];
  check(std::abs(parts - trace.seconds) <= 1e-9, kind + ": the parts' seconds add up to all");

  const std::vector<float> replayed = executor->replay(jets);
  const exec::BatchTrace left = executor->run(jets, {}, std::vector<double>{0.0, 0.0});
  check(left.survivors == std::vector<std::int64_t>{static_cast<std::int64_t>(jets.size()), 0, 0},
        kind + ": at threshold 0 all leave at once");
  for (std::size_t i = 0; i < left.logits.size(); ++i) {
    const float before = replayed[30 * (i / 10) + i % 10];
    check(std::abs(left.logits[i] - before) <= 1e-3F * (1.0F + std::abs(before)),
          kind + ": a jet that leaves has the replayed logits");
  }
}

}  // namespace

void test_networks() {
  const data::JetBatch jets = some_jets(24);
  for (const std::string kind : {"part", "particlenet"}) {
    test_forward(kind, jets);
    close(kind + ": parameters after a step", after_one_step(kind, jets, gpu),
          after_one_step(kind, jets, at::kCPU), 1e-9);
    test_executor(kind, jets);
  }
}

}  // namespace eebench::test
