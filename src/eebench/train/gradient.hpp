#pragma once

#include "eebench/model/state.hpp"

namespace eebench::train {

/// The same state; gradients that come back through it are multiplied by `factor`, 0 for none.
model::State scale_gradient(const model::State& state, double factor);

}  // namespace eebench::train
