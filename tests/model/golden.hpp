#pragma once

#include <cmath>
#include <string>

#include <ATen/ATen.h>

#include "eebench/model/network.hpp"

namespace eebench::test {

/// Sets every parameter and buffer by a rule that depends only on its name and shape, so that two
/// implementations can be compared without exchanging files. Names are hashed with the prefix that
/// the reference's trainings save.
inline void set_golden_parameters(model::Network& network, const std::string& prefix = "mod.") {
  const at::NoGradGuard no_grad;
  const auto fill = [&](const std::string& own_name, const at::Tensor& tensor) {
    if (tensor.dim() == 0) {
      return;  // BatchNorm's counter of batches
    }
    const std::string name = prefix + own_name;
    std::int64_t hash = 0;
    for (std::size_t i = 0; i < name.size(); ++i) {
      hash += static_cast<std::int64_t>(i + 1) * static_cast<unsigned char>(name[i]);
    }
    hash %= 997;
    const at::Tensor t =
        at::sin(0.7 * at::arange(tensor.numel(), at::kDouble) + 0.01 * static_cast<double>(hash))
            .view(tensor.sizes());
    const auto ends = [&](const std::string& suffix) { return name.ends_with(suffix); };
    at::Tensor value;
    if (ends("running_var")) {
      value = 1.0 + 0.5 * t * t;
    } else if (ends("running_mean") || ends("bias") || ends("cls_token")) {
      value = 0.1 * t;
    } else if (tensor.dim() == 1) {
      value = 1.0 + 0.1 * t;
    } else {
      const double fan_in = static_cast<double>(tensor.numel() / tensor.size(0));
      value = t * std::sqrt(2.0 / fan_in);
    }
    tensor.copy_(value);
  };
  for (const auto& item : network.named_parameters()) {
    fill(item.key(), item.value());
  }
  for (const auto& item : network.named_buffers()) {
    fill(item.key(), item.value());
  }
}

/// Three jets of 37, 90 and 128 particles by the same kind of rule.
inline model::State golden_batch(at::ScalarType type, std::int64_t features = 17) {
  const std::vector<std::int64_t> multiplicities{37, 90, 128};
  std::vector<std::int64_t> offsets{0};
  std::vector<double> x;
  std::vector<double> points;
  std::vector<double> vectors;
  for (std::size_t b = 0; b < multiplicities.size(); ++b) {
    const double jet = static_cast<double>(b);
    offsets.push_back(offsets.back() + multiplicities[b]);
    for (std::int64_t particle = 0; particle < multiplicities[b]; ++particle) {
      const double p = static_cast<double>(particle);
      for (std::int64_t c = 0; c < features; ++c) {
        const double channel = static_cast<double>(c);
        x.push_back(std::sin(0.3 * jet + 0.5 * channel + 0.05 * p * (channel + 1.0)));
      }
      const double pt = 100.0 * std::exp(-0.05 * p) + 1.0;
      const double eta = 0.3 * std::sin(0.7 * p + jet);
      const double dphi = 0.3 * std::cos(1.1 * p + 0.5 * jet);
      const double phi = 3.1 + dphi;
      const double px = pt * std::cos(phi);
      const double py = pt * std::sin(phi);
      const double pz = pt * std::sinh(eta);
      points.insert(points.end(), {eta, dphi});
      vectors.insert(vectors.end(), {px, py, pz, 1.25 * std::sqrt(px * px + py * py + pz * pz)});
    }
  }
  model::State state{nn::Ragged(offsets)};
  const auto matrix = [&](const std::vector<double>& values, std::int64_t columns) {
    return at::tensor(values, at::kDouble).view({-1, columns}).to(type);
  };
  state.set("features", model::Axis::particle, matrix(x, features));
  state.set("points", model::Axis::particle, matrix(points, 2));
  state.set("vectors", model::Axis::particle, matrix(vectors, 4));
  return state;
}

/// Logits of every exit, each running on all jets.
inline std::vector<at::Tensor> all_exits(model::Network& network, const model::State& batch,
                                         nn::Context context = {}) {
  std::vector<at::Tensor> logits;
  model::State state = network.stem(batch, context);
  for (std::int64_t k = 0; k < network.exits(); ++k) {
    state = network.segment(k, state, context);
    logits.push_back(network.head(k, state, context).logits);
  }
  return logits;
}

inline double largest_difference(const at::Tensor& a, const at::Tensor& b) {
  return (a.to(at::kDouble) - b.to(at::kDouble)).abs().max().item<double>();
}

/// Every piece of a network on every jet of a batch, by formula.
inline nn::Work work_by_formula(const model::Network& network, const model::State& batch) {
  nn::Work work;
  for (std::int64_t jet = 0; jet < batch.size(); ++jet) {
    const std::int64_t n = batch.jets().multiplicity(jet);
    work += network.stem_cost(n).work;
    for (std::int64_t k = 0; k < network.exits(); ++k) {
      work += network.segment_cost(k, n).work + network.head_cost(k, n).work;
    }
  }
  return work;
}

}  // namespace eebench::test
