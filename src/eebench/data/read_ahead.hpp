#pragma once

#include <cstdint>
#include <functional>

#include "eebench/data/jet_batch.hpp"

namespace eebench::data {

using ReadJets = std::function<JetBatch(std::int64_t begin, std::int64_t end)>;

/// Reads a few thousand jets at once, up to `last`, and cuts batches from them, which must be asked
/// for in order: files are compressed in chunks of thousands of jets, and a small batch that was
/// read by itself would unpack such a chunk for a few jets.
ReadJets read_ahead(ReadJets read, std::int64_t last);

}  // namespace eebench::data
