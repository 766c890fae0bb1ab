#include "eebench/nn/attention.hpp"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <catch2/catch.hpp>
#include <torch/autograd.h>

namespace eebench::nn {
namespace {

double largest_difference(const at::Tensor& a, const at::Tensor& b) {
  return (a.to(at::kDouble) - b.to(at::kDouble)).abs().max().item<double>();
}

TEST_CASE("fused attention agrees with ATen operations in float64") {
  const at::NoGradGuard no_grad;
  at::manual_seed(1);
  const Ragged jets({0, 1, 3, 20, 36, 73, 90});
  const std::int64_t heads = GENERATE(1, 4);
  const std::int64_t dim = GENERATE(3, 16, 40);
  const at::Tensor qkv = at::randn({jets.particles(), 3 * heads * dim});
  const auto attend = [&](at::ScalarType type, const at::Tensor& bias) {
    const auto parts = qkv.to(type).chunk(3, 1);
    return self_attention(parts[0], parts[1], parts[2], bias.defined() ? bias.to(type) : bias, jets,
                          heads, {}, {});
  };
  const at::Tensor bias = 3 * at::randn({jets.pairs(), heads});
  CHECK(largest_difference(attend(at::kFloat, bias), attend(at::kDouble, bias)) < 1e-5);
  CHECK(largest_difference(attend(at::kFloat, {}), attend(at::kDouble, {})) < 1e-5);
  // Scores of thousands: nothing overflows; their own rounding, 1e-4, is what differs.
  const at::Tensor steep = 500 * bias;
  CHECK(largest_difference(attend(at::kFloat, steep), attend(at::kDouble, steep)) < 2e-3);
}

TEST_CASE("attention of one query a jet agrees with ATen operations in float64") {
  const at::NoGradGuard no_grad;
  at::manual_seed(2);
  const Ragged keys({0, 1, 18, 50});
  const at::Tensor q = at::randn({3, 32});
  const at::Tensor kv = at::randn({50, 64});
  const auto attend = [&](at::ScalarType type) {
    const auto parts = kv.to(type).chunk(2, 1);
    return class_attention(q.to(type), parts[0], parts[1], keys, 4, {});
  };
  CHECK(largest_difference(attend(at::kFloat), attend(at::kDouble)) < 3e-6);
}

TEST_CASE("attention of jets that are filled up is that of the jets themselves") {
  at::manual_seed(4);
  const Ragged jets({0, 9, 17, 18, 39, 40});
  const bool dropped = GENERATE(false, true);
  const Context context{.training = dropped, .seed = 7, .step = 3, .jet_index = {5, 9, 2, 30, 1}};
  const AttentionDropout drop{.p = dropped ? 0.3 : 0.0, .site = 4};
  const auto input = [](std::int64_t n, std::int64_t m) {
    return at::randn({n, m}, at::kDouble).requires_grad_(true);
  };
  const std::vector<at::Tensor> inputs = {input(40, 8), input(40, 8), input(40, 8),
                                          input(jets.pairs(), 2), input(5, 8)};
  const auto gradients = [&](const at::Tensor& y) {
    const at::Tensor weights = at::linspace(-1, 1, y.numel(), at::kDouble).view(y.sizes());
    return torch::autograd::grad({(y * weights).sum()}, inputs, {}, {}, false, true);
  };
  const auto same = [&](const at::Tensor& a, const at::Tensor& b) {
    CHECK(largest_difference(a, b) < 1e-12);
    const auto left = gradients(a);
    const auto right = gradients(b);
    for (std::size_t i = 0; i < left.size(); ++i) {
      REQUIRE(left[i].defined() == right[i].defined());
      CHECK((!left[i].defined() || largest_difference(left[i], right[i]) < 1e-12));
    }
  };
  const auto& [q, k, v, bias, query] =
      std::tie(inputs[0], inputs[1], inputs[2], inputs[3], inputs[4]);
  same(self_attention(q, k, v, bias, jets, 2, drop, context),
       self_attention_padded(q, k, v, bias, jets, 2, drop, context));
  same(self_attention(q, k, v, {}, jets, 2, drop, context),
       self_attention_padded(q, k, v, {}, jets, 2, drop, context));
  same(class_attention(query, k, v, jets, 2, context),
       class_attention_padded(query, k, v, jets, 2));
}

TEST_CASE("a jet's attention does not depend on the jets around it") {
  const at::NoGradGuard no_grad;
  at::manual_seed(3);
  const Ragged jets({0, 9, 30, 47});
  const at::Tensor x = at::randn({47, 32});
  const at::Tensor bias = at::randn({jets.pairs(), 4});
  const at::Tensor together = self_attention(x, x, x, bias, jets, 4, {}, {});
  const at::Tensor own = x.narrow(0, 9, 21);
  const at::Tensor alone =
      self_attention(own, own, own, bias.narrow(0, 81, 441), Ragged({0, 21}), 4, {}, {});
  CHECK(at::equal(alone, together.narrow(0, 9, 21)));
}

}  // namespace
}  // namespace eebench::nn
