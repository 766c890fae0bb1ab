#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "eebench/data/jet_batch.hpp"
#include "eebench/exits/rule.hpp"
#include "eebench/model/network.hpp"
#include "eebench/model/weights.hpp"

namespace eebench::deploy {

/// Jets on their way through a network, at the end of a segment.
struct Underway {
  model::State state;  ///< activations, as the next segment wants them
  /// What rules and answers need beside: "origin" and "position", int64 [B], rank that reads the
  /// jet and its place among that rank's jets; "multiplicity", int64 [B]; "jet_pt" [B] GeV;
  /// "logits" [B, exits so far, classes].
  model::State record;

  std::int64_t size() const { return record.size(); }
  Underway select(std::span<const std::int64_t> jets) const;
  static Underway concat(const std::vector<Underway>& parts);
  std::vector<std::byte> pack() const;
  static Underway unpack(std::span<const std::byte> bytes);
};

/// Answers of jets that left at one exit.
struct Answers {
  std::int64_t exit = 0;
  model::State record;  ///< as in Underway, with the logits of this exit last
};

/// Consecutive segments of a network with their heads and exits, on a CPU: what a tier runs. Jets
/// leave as they do in exec::Executor::run.
class Stage {
 public:
  /// `thresholds`: of all early exits of the network, [exits - 1].
  Stage(std::unique_ptr<model::Network> network, const model::Segments& segments, exits::Rule rule,
        std::vector<double> thresholds, int threads);

  const model::Network& network() const { return *network_; }
  const model::Segments& segments() const { return segments_; }

  /// Runs the stem; the first jet of the batch is at `position` among those of rank `origin`.
  Underway enter(const data::JetBatch& batch, std::int64_t origin, std::int64_t position);
  /// Runs the segments; returns the jets that go on, to `answered` go those that leave.
  Underway run(Underway jets, std::vector<Answers>& answered);

 private:
  /// `embedding`: [B, E] of this exit.
  bool leaves(const model::State& record, std::int64_t jet, std::int64_t exit,
              const at::Tensor& embedding) const;

  std::unique_ptr<model::Network> network_;
  model::Segments segments_;
  exits::Rule rule_;
  std::vector<double> thresholds_;
};

}  // namespace eebench::deploy
