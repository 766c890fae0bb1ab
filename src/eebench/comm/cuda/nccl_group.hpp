#pragma once

#include <chrono>
#include <functional>

#include <cuda_runtime_api.h>
#include <nccl.h>

#include "eebench/comm/communicator.hpp"

namespace eebench::comm {

/// The one place where results of CUDA calls are looked at; throws Error (internal).
void check_cuda(cudaError_t status, const char* call);

/// A non-blocking NCCL communicator: every call is polled until done, failed or late; the last two
/// abort it, so that no rank waits for a lost one.
class NcclGroup {
 public:
  /// \collective Meets through `ranks` (rank 0's unique id is broadcast); the calling thread's
  /// current GPU becomes this rank's.
  NcclGroup(const Communicator& ranks, std::chrono::seconds deadline);
  /// \collective unless an exception is under way or the group was aborted.
  ~NcclGroup();
  NcclGroup(const NcclGroup&) = delete;
  NcclGroup& operator=(const NcclGroup&) = delete;

  /// \collective In place on the stream.
  void all_reduce_sum(void* data, std::size_t count, ncclDataType_t type, cudaStream_t stream);
  /// Polls until `done` says so.
  void await(const char* call, const std::function<bool()>& done);

 private:
  void finish(ncclResult_t result, const char* call);
  [[noreturn]] void abort(const char* call, const char* reason);

  ncclComm_t comm_ = nullptr;
  std::chrono::seconds deadline_;
};

}  // namespace eebench::comm
