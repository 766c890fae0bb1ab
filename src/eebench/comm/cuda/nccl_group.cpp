#include "eebench/comm/cuda/nccl_group.hpp"

#include <exception>
#include <string>
#include <thread>

#include "eebench/core/error.hpp"

namespace eebench::comm {

void check_cuda(cudaError_t status, const char* call) {
  if (status != cudaSuccess) {
    throw Error(ExitCode::internal, std::string(call) + " failed: " + cudaGetErrorString(status));
  }
}

NcclGroup::NcclGroup(const Communicator& ranks, std::chrono::seconds deadline)
    : deadline_(deadline) {
  ncclUniqueId id{};
  ranks.agree([&] {
    if (ranks.is_root()) {
      const ncclResult_t result = ncclGetUniqueId(&id);
      if (result != ncclSuccess) {
        throw Error(ExitCode::internal,
                    std::string("ncclGetUniqueId failed: ") + ncclGetErrorString(result));
      }
    }
  });
  ranks.broadcast(std::as_writable_bytes(std::span(&id, 1)));
  ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
  config.blocking = 0;
  finish(ncclCommInitRankConfig(&comm_, ranks.size(), id, ranks.rank(), &config),
         "ncclCommInitRankConfig");
}

NcclGroup::~NcclGroup() {
  if (comm_ == nullptr) {
    return;
  }
  if (std::uncaught_exceptions() > 0) {
    ncclCommAbort(comm_);
    return;
  }
  try {
    finish(ncclCommFinalize(comm_), "ncclCommFinalize");
    ncclCommDestroy(comm_);
  } catch (const Error&) {
    // Aborted by finish(): nothing is left to free, and the sums were complete.
  }
}

void NcclGroup::all_reduce_sum(void* data, std::size_t count, ncclDataType_t type,
                               cudaStream_t stream) {
  finish(ncclAllReduce(data, data, count, type, ncclSum, comm_, stream), "ncclAllReduce");
}

void NcclGroup::await(const char* call, const std::function<bool()>& done) {
  const auto end = std::chrono::steady_clock::now() + deadline_;
  while (!done()) {
    ncclResult_t state = ncclInProgress;
    ncclCommGetAsyncError(comm_, &state);
    if (state != ncclSuccess && state != ncclInProgress) {
      abort(call, ncclGetLastError(comm_));
    }
    if (std::chrono::steady_clock::now() > end) {
      abort(call, "not done before the deadline; has a rank died?");
    }
    std::this_thread::yield();
  }
}

void NcclGroup::finish(ncclResult_t result, const char* call) {
  if (result != ncclSuccess && result != ncclInProgress) {
    abort(call, comm_ != nullptr ? ncclGetLastError(comm_) : ncclGetErrorString(result));
  }
  await(call, [this] {
    ncclResult_t state = ncclInProgress;
    ncclCommGetAsyncError(comm_, &state);
    return state == ncclSuccess;
  });
}

void NcclGroup::abort(const char* call, const char* reason) {
  const std::string message = std::string(call) + " failed: " + reason;
  if (comm_ != nullptr) {
    ncclCommAbort(comm_);
    comm_ = nullptr;
  }
  throw IoError(message);
}

}  // namespace eebench::comm
