#pragma once

#include <chrono>
#include <memory>

#include "eebench/comm/all_reducer.hpp"

namespace eebench::comm {

/// \collective Sums device memory over ranks with NCCL, rank r of a node on GPU r of that node. It
/// runs on a stream of its own, beside the backward pass; `ranks` only serves to meet. A call
/// that is not done within `deadline` aborts the group and throws IoError: a lost rank would
/// otherwise be waited for without end; by default before the watchdog of a step ends this one.
/// Throws EnvironmentError on every rank where one has no GPU of its own. Ranks may share a GPU
/// where NCCL allows it (from 2.30.3 on, with NCCL_MULTI_RANK_GPU_ENABLE=1 in the environment).
std::unique_ptr<AllReducer> make_nccl_all_reducer(
    const Communicator& ranks, std::chrono::seconds deadline = std::chrono::minutes(5));

}  // namespace eebench::comm
