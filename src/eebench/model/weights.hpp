#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "eebench/model/network.hpp"
#include "eebench/model/registry.hpp"
#include "eebench/model/torch_file.hpp"

namespace eebench::model {

/// Parameters and buffers under the reference's names. The tensors are the network's own.
StateDict state_dict(const Network& network);

/// SHA-256 over names, shapes and values.
std::string sha256(const StateDict& tensors);

/// Copies tensors into the network. A leading "mod." and the newer spelling `in_proj.weight` are
/// understood. Missing, unexpected or mis-shaped tensors are an InputError that names `where` and
/// the first of them; early heads ("exits.") may be missing where `without_exits` says so.
void load_state_dict(Network& network, const StateDict& tensors, const std::string& where,
                     bool without_exits = false);

/// Segments [first, last) of a network.
struct Segments {
  std::int64_t first;
  std::int64_t last;
  bool hold(std::int64_t k) const { return first <= k && k < last; }
};

/// Those tensors of state_dict(network) that these segments need.
StateDict piece_of(const Network& network, const Segments& segments);

/// load_state_dict of a piece of a network: what other segments need becomes NaN.
void load_piece(Network& network, const StateDict& piece, const std::string& where,
                const Segments& segments);

/// What was fitted for exit rules, as plain numbers, and the jets that it was fitted on.
struct Gates {
  /// By rule, of each early exit; empty where nothing was fitted.
  std::map<std::string, std::vector<std::vector<double>>, std::less<>> numbers;
  std::string data;  ///< name of the jet file
  std::string data_sha256;
  std::int64_t jets = 0;
  double lambda = 0.0;  ///< that those of `jei` were fitted with
};

/// SHA-256 over rules and numbers; empty without gates.
std::string sha256(const Gates& gates);

/// Weights of a file and what is stored with them (nothing in a .pt file).
struct Weights {
  StateDict tensors;
  std::string config;  ///< model configuration
  Gates gates = {};
  std::string origin = {};        ///< how the weights were made, for people
  std::string whole_sha256 = {};  ///< of a piece: sha256 of all tensors of the network
};

/// From eebench's HDF5 or PyTorch's state_dict (.pt, .pth, or any zip archive). Throws InputError.
Weights read_weights(const std::filesystem::path& path);
/// ParT of weaver-core 0.4 and 0.5 lays its heads out differently, and only the spelling of a
/// parameter tells which it was: attn.in_proj_weight ("legacy") or attn.in_proj.weight ("v05").
/// Sets network.head_layout to what such tensors of weaver were trained with; others change
/// nothing.
void adopt_head_layout(ModelConfig& config, const StateDict& tensors);
/// To eebench's HDF5. Atomic. Throws IoError.
void write_weights(const std::filesystem::path& path, const Weights& weights);

}  // namespace eebench::model
