#pragma once

#include <vector>

#include "eebench/comm/communicator.hpp"
#include "eebench/data/jet_source.hpp"
#include "eebench/model/network.hpp"

namespace eebench::train {

/// Every exit on all jets of a source, each jet once.
struct Evaluation {
  std::vector<double> accuracy;  ///< [exits]
  std::vector<double> loss;      ///< [exits] mean cross-entropy
};

/// \collective Each rank evaluates its share. Exits beyond `last_exit` are not run and are NaN. The
/// network is in evaluation mode meanwhile, and its modes are restored.
Evaluation evaluate(model::Network& network, const data::JetSource& jets, std::int64_t last_exit,
                    at::Device device, at::ScalarType type, const comm::Communicator& comm);

}  // namespace eebench::train
