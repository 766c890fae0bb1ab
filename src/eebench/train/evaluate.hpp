#pragma once

#include <functional>
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

/// \collective Each rank evaluates its share; bad jets of one are an InputError on all, and sums
/// are taken over all: never to be called inside Communicator::agree. Exits beyond `last_exit` are
/// not run and are NaN. The network is left in evaluation mode. `alive` is called before each
/// batch.
Evaluation evaluate(model::Network& network, const data::JetSource& jets, std::int64_t last_exit,
                    at::Device device, at::ScalarType type, const comm::Communicator& comm,
                    const std::function<void()>& alive);

}  // namespace eebench::train
