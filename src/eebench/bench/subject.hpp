#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "eebench/bench/suite.hpp"
#include "eebench/data/jet_batch.hpp"
#include "eebench/exec/executor.hpp"
#include "eebench/exits/gate.hpp"

namespace eebench::bench {

/// A network, loaded, with the jets it is measured on.
struct Subject {
  std::unique_ptr<exec::Executor> executor;
  std::string weights_sha256;
  std::string data_sha256;
  std::vector<std::string> classes;  ///< names, in the order of the logits
  std::vector<exits::Gate> gates;    ///< [exits - 1] for the rule `learned`; empty where not fitted
  std::int64_t jets = 0;             ///< in the data set
  /// Jets [begin, end) of the data set with the features this network wants.
  std::function<data::JetBatch(std::int64_t begin, std::int64_t end)> read;
};

/// Loads a network of the suite and opens the suite's data for it. \collective
using OpenSubject = std::function<Subject(const ModelEntry& model, const Suite& suite)>;

}  // namespace eebench::bench
