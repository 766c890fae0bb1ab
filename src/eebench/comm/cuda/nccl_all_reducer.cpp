#include "eebench/comm/cuda/nccl_all_reducer.hpp"

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <ATen/DeviceAccelerator.h>

#include "eebench/comm/cuda/nccl_group.hpp"
#include "eebench/core/error.hpp"

namespace eebench::comm {
namespace {

bool ranks_may_share_a_gpu() {
  const char* wanted = std::getenv("NCCL_MULTI_RANK_GPU_ENABLE");
  int version = 0;
  return wanted != nullptr && std::string_view(wanted) == "1" &&
         ncclGetVersion(&version) == ncclSuccess && version >= 23003;
}

// The GPU of this rank; a problem on one rank is thrown on all.
int choose_gpu(const Communicator& ranks) {
  int gpus = 0;
  ranks.agree([&] {
    const cudaError_t status = cudaGetDeviceCount(&gpus);
    if (status != cudaSuccess || gpus == 0) {
      const char* reason = status == cudaSuccess ? "none found" : cudaGetErrorString(status);
      throw EnvironmentError(std::string("all-reduce back end 'nccl' needs a GPU for each rank (") +
                             reason + "); run where there is one, or use 'mpi' with --device cpu");
    }
    if (ranks.local_size() > gpus && !ranks_may_share_a_gpu()) {
      throw EnvironmentError("all-reduce back end 'nccl' needs a GPU for each rank: here are " +
                             std::to_string(ranks.local_size()) + " ranks and " +
                             std::to_string(gpus) +
                             " GPUs; start fewer ranks, or use 'mpi' with --device cpu");
    }
  });
  return ranks.local_rank() % gpus;
}

// Selects the GPU for the calling thread: the backward pass has a thread of its own.
int use_gpu(int gpu) {
  check_cuda(cudaSetDevice(gpu), "cudaSetDevice");
  return gpu;
}

class Stream {
 public:
  Stream() {
    check_cuda(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "cudaStreamCreate");
  }
  ~Stream() { cudaStreamDestroy(stream_); }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  cudaStream_t get() const { return stream_; }

 private:
  cudaStream_t stream_ = nullptr;
};

class Event {
 public:
  Event() { check_cuda(cudaEventCreate(&event_), "cudaEventCreate"); }
  ~Event() { cudaEventDestroy(event_); }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;

  void record(cudaStream_t stream) {
    check_cuda(cudaEventRecord(event_, stream), "cudaEventRecord");
  }
  void hold_back(cudaStream_t stream) const {
    check_cuda(cudaStreamWaitEvent(stream, event_, 0), "cudaStreamWaitEvent");
  }
  bool happened() const {
    const cudaError_t status = cudaEventQuery(event_);
    if (status == cudaErrorNotReady) {
      return false;
    }
    check_cuda(status, "cudaEventQuery");
    return true;
  }
  /// Both must have happened.
  double seconds_since(const Event& earlier) const {
    float milliseconds = 0.0F;
    check_cuda(cudaEventElapsedTime(&milliseconds, earlier.event_, event_), "cudaEventElapsedTime");
    return 1e-3 * static_cast<double>(milliseconds);
  }

 private:
  cudaEvent_t event_ = nullptr;
};

/// One sum on its stream.
struct Sum {
  Event begin;
  Event end;
};

class NcclAllReducer final : public AllReducer {
 public:
  NcclAllReducer(const Communicator& ranks, std::chrono::seconds deadline)
      : gpu_(use_gpu(choose_gpu(ranks))), group_(ranks, deadline) {}

  std::string_view name() const override { return "nccl"; }

  void start(Buffer buffer) override {
    const auto begin = std::chrono::steady_clock::now();
    use_gpu(gpu_);
    computed_.record(computing_stream());
    computed_.hold_back(stream_.get());
    Sum& sum = next_sum();
    sum.begin.record(stream_.get());
    group_.all_reduce_sum(buffer.data, buffer.count,
                          buffer.scalar == Scalar::float64 ? ncclFloat64 : ncclFloat32,
                          stream_.get());
    sum.end.record(stream_.get());
    bytes_ += size_bytes(buffer);
    add_time_since(begin);
  }

  void wait() override {
    use_gpu(gpu_);
    if (under_way_ > 0) {
      computed_.record(computing_stream());
      const Event& end = sums_[under_way_ - 1]->end;
      group_.await("ncclAllReduce", [&] { return computed_.happened(); });
      // From here on nothing but sums keeps this rank.
      const auto begin = std::chrono::steady_clock::now();
      group_.await("ncclAllReduce", [&] { return end.happened(); });
      add_time_since(begin);
      double running = 0.0;
      for (std::size_t i = 0; i < under_way_; ++i) {
        running += sums_[i]->end.seconds_since(sums_[i]->begin);
      }
      under_way_ = 0;
      running_ += running;
      hidden_ += running - std::clamp(end.seconds_since(computed_), 0.0, running);
    }
  }

  double seconds_blocked() const override { return seconds_; }
  double seconds_running() const override { return running_; }
  double seconds_hidden() const override { return hidden_; }
  double bytes() const override { return bytes_; }

 private:
  /// Events are made once and used again after every wait().
  Sum& next_sum() {
    if (under_way_ == sums_.size()) {
      sums_.push_back(std::make_unique<Sum>());
    }
    return *sums_[under_way_++];
  }

  cudaStream_t computing_stream() const {
    const auto device = static_cast<c10::DeviceIndex>(gpu_);
    return static_cast<cudaStream_t>(at::accelerator::getCurrentStream(device).native_handle());
  }

  void add_time_since(std::chrono::steady_clock::time_point begin) {
    seconds_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  }

  int gpu_;
  Stream stream_;
  Event computed_;  ///< all that was computed when a sum was started or waited for
  std::vector<std::unique_ptr<Sum>> sums_;
  std::size_t under_way_ = 0;  ///< of sums_, started and not waited for
  NcclGroup group_;
  double seconds_ = 0.0;
  double running_ = 0.0;
  double hidden_ = 0.0;
  double bytes_ = 0.0;
};

}  // namespace

std::unique_ptr<AllReducer> make_nccl_all_reducer(const Communicator& ranks,
                                                  std::chrono::seconds deadline) {
  return std::make_unique<NcclAllReducer>(ranks, deadline);
}

}  // namespace eebench::comm
