#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "eebench/model/network.hpp"
#include "eebench/nn/linear.hpp"

namespace eebench::model {

/// A linear layer of a network.
struct LinearSite {
  std::string path;  ///< of the module, as in the names of its parameters
  std::int64_t segment;
  nn::LinearImpl* layer;
};

/// All of them, in the order of the network's modules.
std::vector<LinearSite> linear_sites(const Network& network);

/// Whether some layer has quantizers. Throws InputError, which begins with `where`, for activations
/// without a range.
bool is_quantized(const Network& network, const std::string& where);

/// What prepare() should make of the layers that have quantizers: products of integers. Returns
/// how many of the quantized layers can.
struct Integers {
  std::int64_t can = 0;
  std::int64_t quantized = 0;
};
Integers use_integers(const Network& network);

}  // namespace eebench::model
