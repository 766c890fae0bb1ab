#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include <ATen/core/Tensor.h>

namespace eebench::model {

/// Tensors by name, in the order of the file or network.
using StateDict = std::vector<std::pair<std::string, at::Tensor>>;

/// Reads a state_dict that PyTorch saved (torch.save, zip format), without Python: the pickle is
/// interpreted for the few operations that build tensors, and nothing in it is executed. Any other
/// content is an InputError that names the file and what was found.
StateDict read_torch_file(const std::filesystem::path& path);

}  // namespace eebench::model
