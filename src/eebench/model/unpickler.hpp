#pragma once

#include <map>
#include <string>

#include "eebench/model/torch_file.hpp"
#include "eebench/model/zip_archive.hpp"

namespace eebench::model {

/// The named tensors that a pickled state_dict describes; `storages` holds their data by key. Knows
/// the operations and names that torch.save writes for tensors, and refuses all others with an
/// InputError: nothing of the pickle is executed.
StateDict unpickle(Bytes pickle, const std::map<std::string, Bytes>& storages,
                   const std::string& where);

}  // namespace eebench::model
