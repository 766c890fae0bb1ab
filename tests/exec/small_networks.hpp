#pragma once

#include <cmath>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <ATen/ATen.h>

#include "eebench/core/random.hpp"
#include "eebench/exec/executor.hpp"
#include "eebench/exits/fit.hpp"
#include "eebench/model/part/part.hpp"
#include "eebench/model/particlenet/particlenet.hpp"

namespace eebench::test {

/// Jets with so many particles each, of plausible momenta.
inline data::JetBatch jets_of(std::span<const std::int64_t> multiplicities) {
  data::JetBatch batch;
  batch.features_per_particle = 17;
  std::uint64_t counter = 0;
  const auto draw = [&] { return static_cast<float>(uniform(7, counter++)); };
  for (const std::int64_t n : multiplicities) {
    for (std::int64_t particle = 0; particle < n; ++particle) {
      for (int c = 0; c < 17; ++c) {
        batch.features.push_back(2.0F * draw() - 1.0F);
      }
      const float eta = 0.8F * (draw() - 0.5F);
      const float phi = 0.8F * (draw() - 0.5F);
      const float pt = 1.0F + 50.0F * draw();
      batch.points.insert(batch.points.end(), {eta, phi});
      batch.vectors.insert(batch.vectors.end(), {pt * std::cos(phi), pt * std::sin(phi),
                                                 pt * std::sinh(eta), 1.01F * pt * std::cosh(eta)});
    }
    const auto jet = static_cast<std::int64_t>(batch.labels.size());
    batch.offsets.push_back(batch.offsets.back() + n);
    batch.labels.push_back(jet % 10);
    batch.index.push_back(jet);
  }
  return batch;
}

/// Jets of 1 to 95 particles, more short ones than long ones.
inline data::JetBatch some_jets(std::int64_t count) {
  std::vector<std::int64_t> multiplicities;
  for (std::int64_t jet = 0; jet < count; ++jet) {
    const auto counter = static_cast<std::uint64_t>(2 * jet);
    multiplicities.push_back(
        1 + static_cast<std::int64_t>(95.0 * uniform(8, counter) * uniform(8, counter + 1)));
  }
  return jets_of(multiplicities);
}

inline data::JetBatch part_of(const data::JetBatch& all, std::size_t first, std::size_t last) {
  data::JetBatch part;
  part.features_per_particle = all.features_per_particle;
  const auto cut = [&](const std::vector<float>& from, std::vector<float>& to, std::int64_t width) {
    to.assign(from.begin() + all.offsets[first] * width, from.begin() + all.offsets[last] * width);
  };
  cut(all.features, part.features, 17);
  cut(all.points, part.points, 2);
  cut(all.vectors, part.vectors, 4);
  for (std::size_t jet = first; jet < last; ++jet) {
    part.offsets.push_back(all.offsets[jet + 1] - all.offsets[first]);
    part.labels.push_back(all.labels[jet]);
    part.index.push_back(all.index[jet]);
  }
  return part;
}

/// What a network of three exits says of jets, as rules want it. A jet that goes on costs as much
/// again at each exit.
struct Said {
  Said(const data::JetBatch& batch, exec::EveryExit every_exit)
      : said(std::move(every_exit)), labels(batch.labels) {
    for (std::size_t jet = 0; jet < batch.size(); ++jet) {
      multiplicity.push_back(static_cast<std::int64_t>(batch.multiplicity(jet)));
      jet_pt.push_back(data::transverse_momentum(batch, jet));
      cost.insert(cost.end(), {1.0, 2.0, 3.0});
    }
  }
  exits::Answers answers() const {
    return {.logits = said.logits,
            .labels = labels,
            .multiplicity = multiplicity,
            .jet_pt = jet_pt,
            .cost = cost,
            .exits = 3,
            .classes = 10,
            .embeddings = said.embeddings};
  }
  /// The rule of that name or formula; what it needs is fitted to these answers.
  exits::Rule rule(const std::string& name) const {
    const exits::Fits fits =
        exits::is_fitted(name) ? exits::fit_all(answers(), 0.1) : exits::Fits{};
    return exits::make_rule(name, fits, 3, std::vector<std::string>(10, "class"));
  }

  exec::EveryExit said;
  std::vector<std::int64_t> labels;
  std::vector<std::int64_t> multiplicity;
  std::vector<float> jet_pt;
  std::vector<double> cost;
};

/// A network of three exits and three segments with drawn weights.
inline std::unique_ptr<model::Network> network(const std::string& kind) {
  at::manual_seed(3);
  return kind == "part" ? model::make_part({.embed = {32, 32},
                                            .pair_embed = {16},
                                            .heads = 4,
                                            .layers = 3,
                                            .class_layers = 1,
                                            .exits_after = {1, 2},
                                            .exit_width = 16})
                        : model::make_particlenet({.k = 7,
                                                   .blocks = {{16, 16}, {32, 32}, {32, 32}},
                                                   .exits_after = {1, 2},
                                                   .exit_particle_widths = {32},
                                                   .exit_width = 16});
}

inline std::unique_ptr<exec::Executor> executor(const std::string& kind, bool deterministic) {
  return exec::make_executor(network(kind), {.deterministic = deterministic});
}

}  // namespace eebench::test
