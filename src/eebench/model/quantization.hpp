#pragma once

#include "eebench/model/network.hpp"
#include "eebench/model/registry.hpp"

namespace eebench::model {

/// Puts quantizers on the layers that the configuration's list [[quantize]] names; of several rows
/// that name a layer the last counts:
///
///     site       its name, with * for any letters: "*", "block.*.fc1", "exit.*"; or, of one alone,
///                the path of its module
///     segments   only those of these segments; default: all
///     weight     a kind of quantizer, such as "int8-per-channel", or "none" with
///     input      another, for what the weight is multiplied with
///
/// Throws InputError for a row that names no layer.
void quantize(const Network& network, const ModelConfig& config);

}  // namespace eebench::model
