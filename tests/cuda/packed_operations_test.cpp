#include <functional>
#include <vector>

#include <ATen/ATen.h>
#include <torch/autograd.h>

#include "check.hpp"
#include "eebench/nn/attention.hpp"
#include "eebench/nn/edge_aggregation.hpp"
#include "eebench/nn/elementwise.hpp"
#include "eebench/nn/knn.hpp"
#include "eebench/nn/linear.hpp"
#include "eebench/nn/norm.hpp"
#include "eebench/nn/pair_features.hpp"
#include "eebench/nn/pool.hpp"

namespace eebench::test {
namespace {

using Inputs = std::vector<at::Tensor>;
using Operation = std::function<at::Tensor(const Inputs&)>;

// Result and gradients of a weighted sum of it, as float64 on the CPU.
Inputs evaluate(const Operation& operation, const Inputs& inputs, at::Device device,
                at::ScalarType type) {
  Inputs moved;
  for (const at::Tensor& input : inputs) {
    moved.push_back(input.to(device, type).detach().requires_grad_(true));
  }
  const at::Tensor result = operation(moved);
  const at::Tensor weights =
      at::linspace(-1, 1, result.numel(), at::kDouble).to(device, type).view(result.sizes());
  Inputs results{result.detach()};
  for (const at::Tensor& gradient :
       torch::autograd::grad({(result * weights).sum()}, moved, {}, {}, false, true)) {
    results.push_back(gradient.defined() ? gradient : at::zeros({1}));
  }
  for (at::Tensor& tensor : results) {
    tensor = tensor.to(at::kCPU, at::kDouble);
  }
  return results;
}

void compare(const std::string& name, const Inputs& inputs, const Operation& operation) {
  const Inputs expected = evaluate(operation, inputs, at::kCPU, at::kDouble);
  for (const at::ScalarType type : {at::kDouble, at::kFloat}) {
    const double tolerance = type == at::kDouble ? 1e-10 : 2e-4;
    const Inputs found = evaluate(operation, inputs, at::Device(at::kCUDA, 0), type);
    for (std::size_t i = 0; i < expected.size(); ++i) {
      const double scale = expected[i].abs().max().item<double>() + 1e-30;
      const double worst = (found[i] - expected[i]).abs().max().item<double>() / scale;
      check(worst <= tolerance, name + (i == 0 ? ": value" : ": gradient " + std::to_string(i)) +
                                    " in " + at::toString(type) + " differs by " +
                                    std::to_string(worst));
    }
  }
}

}  // namespace

void test_packed_operations() {
  at::manual_seed(1);
  const nn::Ragged jets({0, 1, 18, 40, 43});
  const std::int64_t rows = jets.particles();
  const std::int64_t channels = 16;
  const std::int64_t heads = 4;
  const nn::Context inference;
  const nn::Context training{.training = true, .seed = 7, .step = 3, .jet_index = {5, 9, 2, 30}};

  const auto normal = [](std::int64_t n, std::int64_t m) { return at::randn({n, m}, at::kDouble); };
  const at::Tensor x = normal(rows, channels);

  compare("linear", {x, normal(8, channels), at::randn({8}, at::kDouble)}, [&](const Inputs& in) {
    return nn::linear(in[0], {in[1], in[2]}, inference);
  });
  compare("gelu", {x}, [&](const Inputs& in) { return nn::gelu(in[0], training); });
  compare("dropout", {x}, [&](const Inputs& in) {
    return nn::dropout(in[0], 0.3, 11, jets.offsets(), training.jet_index, training);
  });
  compare("layer norm", {x}, [&](const Inputs& in) {
    nn::LayerNorm norm(channels);
    norm->to(in[0].device(), in[0].scalar_type());
    return norm(in[0], inference);
  });
  compare("batch norm", {x}, [&](const Inputs& in) {
    nn::BatchNorm norm(channels);
    norm->to(in[0].device(), in[0].scalar_type());
    return norm(in[0], training);
  });
  compare("mean pool", {x}, [&](const Inputs& in) { return nn::mean_pool(in[0], jets); });
  compare("max pool", {x}, [&](const Inputs& in) { return nn::max_pool(in[0], jets); });
  compare("self attention with dropped weights",
          {x, normal(rows, channels), normal(rows, channels), normal(jets.pairs(), heads)},
          [&](const Inputs& in) {
            return nn::self_attention(in[0], in[1], in[2], in[3], jets, heads,
                                      {.p = 0.3, .site = 5}, training);
          });
  compare("self attention",
          {x, normal(rows, channels), normal(rows, channels), normal(jets.pairs(), heads)},
          [&](const Inputs& in) {
            return nn::self_attention(in[0], in[1], in[2], in[3], jets, heads, {}, inference);
          });
  compare("class attention", {normal(4, channels), x, normal(rows, channels)},
          [&](const Inputs& in) {
            return nn::class_attention(in[0], in[1], in[2], jets, heads, inference);
          });

  const std::int64_t k = 5;
  const at::Tensor neighbours = nn::nearest_neighbours(x, jets, k, inference);
  check(at::equal(nn::nearest_neighbours(x.to(at::kCUDA), jets, k, inference).cpu(), neighbours),
        "nearest neighbours");
  const auto edges = [&](const Inputs& in) { return neighbours.to(in[0].device()); };
  compare("gather and add", {x, normal(rows, channels)},
          [&](const Inputs& in) { return nn::gather_add(in[0], in[1], edges(in)); });
  compare("gather, add and relu", {x, normal(rows, channels)},
          [&](const Inputs& in) { return nn::gather_add_relu(in[0], in[1], edges(in)); });
  compare("mean of relu", {normal(rows * k, channels), at::randn({channels}, at::kDouble)},
          [&](const Inputs& in) { return nn::bias_relu_mean(in[0], in[1], k); });

  const nn::PairRows pairs = nn::pair_rows(jets, 0, jets.jets(), at::kCPU);
  const nn::PairRows there = nn::pair_rows(jets, 0, jets.jets(), at::Device(at::kCUDA, 0));
  check(at::equal(there.i.cpu(), pairs.i) && at::equal(there.j.cpu(), pairs.j), "pair rows");
  // A self-pair has no distance, hence no gradient.
  const at::Tensor apart = at::ne(pairs.i, pairs.j);
  const nn::PairRows others{pairs.i.masked_select(apart), pairs.j.masked_select(apart)};
  const at::Tensor momenta = 10 * normal(rows, 3);
  // Heavy enough for m^2 = E^2 - p^2 to keep its digits in float32.
  const at::Tensor energy = at::sqrt(momenta.square().sum(1, true) + 1.0);
  compare("pair features", {at::cat({momenta, energy}, 1)}, [&](const Inputs& in) {
    const at::Device device = in[0].device();
    return nn::pair_features(in[0], nn::PairRows{others.i.to(device), others.j.to(device)});
  });
  compare("mirrored pairs", {normal(pairs.i.size(0), heads)},
          [&](const Inputs& in) { return nn::mirror_pairs(in[0], jets, 0, jets.jets()); });
}

}  // namespace eebench::test
