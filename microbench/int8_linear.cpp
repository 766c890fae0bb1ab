#include "eebench/nn/cpu/int8_linear.hpp"

#include <string>
#include <utility>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/stack.h>
#include <benchmark/benchmark.h>
#include <c10/core/GradMode.h>

#include "eebench/nn/linear.hpp"

// A linear layer in float32, in integers, and in integers by what LibTorch brings. The latter two
// get activations that are integers already; ours quantizes them.
namespace {

using namespace eebench;

struct Layer {
  explicit Layer(const benchmark::State& state)
      : x(at::randn({state.range(0), state.range(1)})),
        integers(at::randint(-127, 128, {state.range(2), state.range(1)}, at::kChar)),
        scale(at::full({state.range(2)}, 0.001)),
        bias(at::randn({state.range(2)})) {}

  at::Tensor activations(at::ScalarType type) const {
    return at::round(x / grid.scale + grid.zero_point).clamp(0, 127).to(type);
  }

  at::Tensor x;         ///< [rows, in]
  at::Tensor integers;  ///< [out, in]
  at::Tensor scale;
  at::Tensor bias;
  nn::cpu::Int8Grid grid{.scale = 0.05F, .zero_point = 64, .lowest = 0, .highest = 127};
};

template <class Function>
void time_layer(benchmark::State& state, const Function& function) {
  for (auto _ : state) {
    benchmark::DoNotOptimize(function());
  }
  state.SetItemsProcessed(state.iterations() * state.range(0) * state.range(1) * state.range(2));
}

void in_float32(benchmark::State& state, const Layer& layer) {
  const nn::LinearWeights weights =
      nn::prepared({layer.integers.to(at::kFloat) * layer.scale.unsqueeze(1), layer.bias});
  time_layer(state, [&] { return nn::linear(layer.x, weights, {}); });
}

void in_int8(benchmark::State& state, const Layer& layer) {
  const nn::cpu::Int8Weights weights = nn::cpu::int8_panels(layer.integers, layer.scale);
  time_layer(state, [&] {
    return nn::cpu::linear_int8(layer.x, weights, layer.grid, layer.bias, nn::Activation::none);
  });
}

void by_int_mm(benchmark::State& state, const Layer& layer) {
  const at::Tensor q = layer.activations(at::kChar);
  const at::Tensor weight = layer.integers.t();
  const at::Tensor scale = layer.scale * layer.grid.scale;
  const at::Tensor bias =
      layer.bias - layer.grid.zero_point * scale * layer.integers.sum(1, false, at::kInt);
  time_layer(state, [&] { return at::addcmul(bias, at::_int_mm(q, weight), scale); });
}

constexpr const char* prepack = "onednn::qlinear_prepack";
constexpr const char* pointwise = "onednn::qlinear_pointwise";

void by_onednn(benchmark::State& state, const Layer& layer) {
  c10::Dispatcher& operators = c10::Dispatcher::singleton();
  torch::jit::Stack packed;
  torch::jit::push(packed, layer.integers, c10::IValue());
  operators.findSchemaOrThrow(prepack, "").callBoxed(packed);
  const auto linear = operators.findSchemaOrThrow(pointwise, "");
  const at::Tensor q = layer.activations(at::kByte);
  const at::Tensor zeros = at::zeros_like(layer.scale, at::kInt);
  const std::string none = "none";
  time_layer(state, [&] {
    torch::jit::Stack stack;
    torch::jit::push(stack, q, static_cast<double>(layer.grid.scale), layer.grid.zero_point,
                     packed[0], layer.scale, zeros, layer.bias, 1.0, 0, at::kFloat, none,
                     c10::List<std::optional<at::Scalar>>(), none);
    linear.callBoxed(stack);
    return stack[0].toTensor();
  });
}

[[maybe_unused]] const bool registered = [] {
  const auto add = [](const char* name, void (*way)(benchmark::State&, const Layer&)) {
    auto* timed = benchmark::RegisterBenchmark(name, [way](benchmark::State& state) {
      const at::NoGradGuard no_grad;
      at::set_num_threads(1);
      way(state, Layer(state));
    });
    timed->ArgNames({"rows", "in", "out"});
    for (const auto& [in, out] : {std::pair{128, 512}, {512, 128}, {128, 384}, {128, 128}}) {
      timed->Args({39, in, out})->Args({2500, in, out});
    }
    timed->Args({50000, 64, 64})->Args({50000, 64, 8});
  };
  add("linear_float32", in_float32);
  add("linear_int8", in_int8);
  add("linear_int8_of_int_mm", by_int_mm);
  c10::Dispatcher& operators = c10::Dispatcher::singleton();
  if (operators.findSchema({prepack, ""}) && operators.findSchema({pointwise, ""})) {
    add("linear_int8_of_onednn", by_onednn);
  }
  return true;
}();

}  // namespace
