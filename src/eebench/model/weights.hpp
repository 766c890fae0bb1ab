#pragma once

#include <filesystem>
#include <string>

#include "eebench/model/network.hpp"
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

/// Weights of a file and the model configuration stored with them (empty in a .pt file).
struct Weights {
  StateDict tensors;
  std::string config;
};

/// From eebench's HDF5 (.h5) or PyTorch's state_dict (.pt). Throws InputError.
Weights read_weights(const std::filesystem::path& path);
/// Atomic. Throws IoError.
void write_weights(const std::filesystem::path& path, const StateDict& tensors,
                   const std::string& config);

}  // namespace eebench::model
