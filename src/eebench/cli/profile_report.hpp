#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "eebench/bench/passes.hpp"
#include "eebench/model/profile.hpp"

namespace eebench::cli {

/// Passes through a network with one set of weights.
struct MeasuredWeights {
  std::string weights;    ///< "random" or "trained"
  bench::Passes plain;    ///< full depth, no early head
  bench::Passes staged;   ///< every head, nobody leaves
  bench::Passes leaving;  ///< jets leave early
};

/// What `profile` found out.
struct ProfileReport {
  std::string model;
  std::string features;
  std::int64_t inputs = 0;    ///< features of a particle
  std::int64_t jets = 0;      ///< of a file; 0: one made-up multiplicity
  double multiplicity = 0.0;  ///< mean
  std::int64_t cut = 0;       ///< jets that lose constituents
  std::int64_t kept = 0;      ///< constituents of a jet, at most
  model::Profile costs;
  std::string device;
  int threads = 1;
  int ranks = 1;           ///< that measured at the same time
  std::int64_t batch = 0;  ///< jets
  double leaving_threshold = 0.0;
  std::string trained_weights;                   ///< file they were read from; empty: none
  std::vector<MeasuredWeights> measured;         ///< empty without a file of jets
  std::vector<double> training_jets_per_second;  ///< [repeats], empty where not asked for
};

std::string to_markdown(const ProfileReport& report);
/// One object. "jets_per_second" are the training's, else those at full depth with the last weights
/// measured: one number for each repeat.
std::string to_json(const ProfileReport& report);

}  // namespace eebench::cli
