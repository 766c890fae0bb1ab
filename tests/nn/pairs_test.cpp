#include "eebench/nn/pairs.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <catch2/catch.hpp>

#include "eebench/nn/linear.hpp"
#include "eebench/nn/lorentz_layer.hpp"

namespace eebench::nn {
namespace {

const Ragged jets({0, 1, 4, 11, 14, 31});

at::Tensor wave(std::int64_t rows, std::int64_t columns, double phase,
                at::ScalarType type = at::kDouble) {
  return at::sin(at::arange(rows * columns, at::kDouble) * 0.73 + phase)
      .view({rows, columns})
      .to(type);
}

double difference(const at::Tensor& a, const at::Tensor& b) {
  return (a.to(at::kDouble) - b.to(at::kDouble)).abs().max().item<double>();
}

TEST_CASE("sums of pairs and their gradient agree with those of ATen operations") {
  const std::int64_t channels = GENERATE(1, 5, 16);
  const at::Tensor x = wave(jets.pairs(), channels, 0.1);
  const auto run = [&](PairReduction (*sums)(const at::Tensor&, const Ragged&)) {
    const at::Tensor leaf = x.clone().requires_grad_();
    const PairReduction r = sums(leaf, jets);
    (r.rows * wave(jets.particles(), channels, 0.3) +
     r.columns * wave(jets.particles(), channels, 0.5) +
     r.diagonal * wave(jets.particles(), channels, 0.7))
        .sum()
        .backward();
    return std::vector<at::Tensor>{r.rows, r.columns, r.diagonal, leaf.grad()};
  };
  const auto kernel = run(&pair_sums);
  const auto composite = run(&pair_sums_composite);
  for (std::size_t i = 0; i < kernel.size(); ++i) {
    CHECK(difference(kernel[i], composite[i]) < 1e-12);
  }
  const at::NoGradGuard no_grad;
  const PairReduction single = pair_sums(x.to(at::kFloat), jets);
  CHECK(difference(single.rows, kernel[0]) < 1e-5);
  CHECK(difference(single.columns, kernel[1]) < 1e-5);
  CHECK(difference(single.diagonal, kernel[2]) < 1e-6);
}

TEST_CASE("pairs mixed of rows, columns and diagonal, and the gradient") {
  const std::int64_t channels = GENERATE(1, 6);
  const std::int64_t parts = GENERATE(0, 1, 2);
  const auto run = [&](bool kernel) {
    std::vector<at::Tensor> leaves{wave(jets.particles(), channels, 0.2).requires_grad_(),
                                   wave(jets.particles(), channels, 0.4).requires_grad_(),
                                   wave(jets.particles(), channels, 0.6).requires_grad_()};
    PairTerms terms{.rows = leaves[0], .columns = leaves[1], .diagonal = leaves[2]};
    if (parts > 0) {
      leaves.push_back(wave(jets.pairs(), parts * channels, 0.8).requires_grad_());
      terms.pairs = leaves[3];
    }
    const at::Tensor y = kernel ? pair_mix(terms, jets, Activation::leaky_relu, {})
                                : at::leaky_relu(pair_mix_composite(terms, jets), leaky_slope);
    (y * wave(jets.pairs(), channels, 1.3)).sum().backward();
    std::vector<at::Tensor> all{y};
    for (const at::Tensor& leaf : leaves) {
      all.push_back(leaf.grad());
    }
    const at::NoGradGuard no_grad;
    all.push_back(kernel ? pair_mix(terms, jets, Activation::leaky_relu, {}) : y.detach());
    return all;
  };
  const auto kernel = run(true);
  const auto composite = run(false);
  REQUIRE(kernel.size() == composite.size());
  for (std::size_t i = 0; i < kernel.size(); ++i) {
    CHECK(difference(kernel[i], composite[i]) < 1e-12);
  }
}

TEST_CASE("the largest of rows and columns of pairs") {
  const at::Tensor x = wave(jets.pairs(), 2, 0.4);
  const PairMaxima maxima = pair_maxima(x, jets);
  for (std::int64_t jet = 0; jet < jets.jets(); ++jet) {
    const auto j = static_cast<std::size_t>(jet);
    const std::int64_t n = jets.multiplicity(jet);
    const at::Tensor square = x.narrow(0, jets.pair_offsets()[j], n * n).view({n, n, 2});
    CHECK(at::equal(maxima.particles.rows.narrow(0, jets.offsets()[j], n), square.amax(1)));
    CHECK(at::equal(maxima.particles.columns.narrow(0, jets.offsets()[j], n), square.amax(0)));
    CHECK(at::equal(maxima.total[jet], square.amax({0, 1})));
    CHECK(at::equal(maxima.trace[jet], square.diagonal().amax(1)));
  }
}

TEST_CASE("signed powers keep their digits where they are nearly logarithms") {
  const at::Tensor x = at::tensor({0.0, 1e-12, -1e-3, 0.7, -5.0, 300.0, 1e5, -1e6}, at::kDouble)
                           .unsqueeze(1)
                           .expand({8, 21});
  const at::Tensor g = at::linspace(0.05, 0.5, 21, at::kDouble).square() + 1e-6;
  const at::Tensor exact = signed_power(x, g);
  const at::Tensor direct = x.sign() * ((1 + x.abs()).pow(g) - 1) / g;
  CHECK(at::allclose(exact, direct, 1e-9, 1e-12));
  const at::NoGradGuard no_grad;
  const at::Tensor single = signed_power(x.to(at::kFloat), g.to(at::kFloat));
  CHECK(at::allclose(single.to(at::kDouble), exact, 3e-6, 1e-18));
}

/// One element after another, in float64: what lorentz_layer_sums says it computes.
at::Tensor layer_by_loops(const at::Tensor& p, const std::vector<cpu::PairWeights>& weights) {
  const std::int64_t n = p.size(0);
  const auto product = [&](const at::Tensor& a, const at::Tensor& b) {
    const at::Tensor ab = a * b;
    return (2 * ab[3] - ab.sum()).item<double>();
  };
  const at::Tensor jet = p.sum(0);
  const double total = product(jet, jet);
  std::vector<double> sums;
  for (const cpu::PairWeights& w : weights) {
    double sum = 0.0;
    double trace = 0.0;
    for (std::int64_t i = 0; i < n; ++i) {
      for (std::int64_t j = 0; j < n; ++j) {
        double y = w.pair * product(p[i], p[j]) + w.row * product(p[i], jet) +
                   w.column * product(p[j], jet) + w.total * total + w.bias;
        if (i == j) {
          y += w.diagonal_row * product(p[i], jet) + w.diagonal_total * total + w.diagonal_bias;
          trace += std::max(y, 0.0);
        }
        sum += std::max(y, 0.0);
      }
    }
    sums.insert(sums.end(), {sum, trace});
  }
  return at::tensor(sums, at::kDouble).view({-1, 2});
}

TEST_CASE("the fused layer on Lorentz products is its formula, at every width of vectors") {
  const std::int64_t n = GENERATE(1, 2, 7, 8, 9, 17, 33);
  const auto channels = GENERATE(as<std::size_t>(), 1, 2, 3, 4, 5, 9);
  const at::Tensor momenta = wave(n, 3, 0.3);
  const at::Tensor p = at::cat({momenta, momenta.norm(2, 1, true) + 0.01}, 1);
  std::vector<cpu::PairWeights> weights;
  for (std::size_t c = 0; c < channels; ++c) {
    const auto w = [&](double phase) {
      return 0.2 * std::sin(1.7 * static_cast<double>(c) + phase);
    };
    weights.push_back({w(0), w(1), w(2), w(3), w(4), w(5), w(6), w(7)});
  }
  const at::Tensor expected = layer_by_loops(p, weights);
  const double scale = expected.abs().max().item<double>() + 1e-3;
  const auto sums = [&](at::ScalarType type, std::int64_t first) {
    // The first of the jet's particles are given apart, and two more are to be left out.
    const at::Tensor own =
        at::cat({p.narrow(0, first, n - first), p.narrow(0, 0, 1), -p.narrow(0, 0, 1)});
    return lorentz_layer_sums(own.to(type), Ragged({0, n - first + 2}), weights,
                              p.narrow(0, 0, first).to(type), n - first)[0];
  };
  CHECK(difference(sums(at::kDouble, 0), expected) < 1e-13 * scale);
  CHECK(difference(sums(at::kDouble, n / 2), expected) < 1e-13 * scale);
  CHECK(difference(sums(at::kFloat, n / 2), expected) < 1e-5 * scale);
}

TEST_CASE("a linear layer with a leaky ReLU") {
  const at::Tensor x = wave(7, 5, 0.3, at::kFloat);
  const at::Tensor weight = wave(40, 5, 0.9, at::kFloat);
  const at::Tensor bias = wave(1, 40, 1.9, at::kFloat)[0];
  const at::Tensor graph = linear(x, {weight, bias}, {}, Activation::leaky_relu);
  CHECK(difference(graph, at::leaky_relu(at::linear(x, weight, bias), 0.01)) < 1e-6);
  CHECK((graph < 0).any().item<bool>());
  const at::NoGradGuard no_grad;
  CHECK(difference(linear(x, {weight, bias}, {}, Activation::leaky_relu), graph) < 1e-6);
}

}  // namespace
}  // namespace eebench::nn
