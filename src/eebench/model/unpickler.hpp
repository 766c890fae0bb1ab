#pragma once

#include <map>
#include <string>

#include "eebench/model/torch_file.hpp"
#include "eebench/model/zip_archive.hpp"

namespace eebench::model {

/// The named tensors that a pickled state_dict describes, or the `model_state` of a checkpoint;
/// `storages` holds their data by key. Nothing of the pickle is executed: it knows the operations
/// and names that torch.save writes for tensors, and refuses with an InputError tensors that need
/// others.
StateDict unpickle(Bytes pickle, const std::map<std::string, Bytes>& storages,
                   const std::string& where);

}  // namespace eebench::model
