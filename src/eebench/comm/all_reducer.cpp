#include "eebench/comm/all_reducer.hpp"

#include <chrono>
#include <string>
#include <utility>

#include "eebench/core/error.hpp"
#ifdef EEBENCH_HAVE_NCCL
#include "eebench/comm/cuda/nccl_all_reducer.hpp"
#endif

namespace eebench::comm {
namespace {

class SelfAllReducer final : public AllReducer {
 public:
  std::string_view name() const override { return "self"; }
  void start(Buffer buffer) override { bytes_ += size_bytes(buffer); }
  void wait() override {}
  double seconds_blocked() const override { return 0.0; }
  double seconds_running() const override { return 0.0; }
  double seconds_hidden() const override { return 0.0; }
  double bytes() const override { return bytes_; }

 private:
  double bytes_ = 0.0;
};

class MpiAllReducer final : public AllReducer {
 public:
  explicit MpiAllReducer(Communicator comm) : comm_(std::move(comm)) {}

  std::string_view name() const override { return "mpi"; }

  void start(Buffer buffer) override {
    const auto begin = std::chrono::steady_clock::now();
    if (buffer.scalar == Scalar::float64) {
      comm_.all_reduce(std::span(static_cast<double*>(buffer.data), buffer.count), Reduce::sum);
    } else {
      comm_.all_reduce(std::span(static_cast<float*>(buffer.data), buffer.count), Reduce::sum);
    }
    bytes_ += size_bytes(buffer);
    seconds_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  }

  void wait() override {}
  double seconds_blocked() const override { return seconds_; }
  double seconds_running() const override { return seconds_; }
  double seconds_hidden() const override { return 0.0; }
  double bytes() const override { return bytes_; }

 private:
  Communicator comm_;
  double seconds_ = 0.0;
  double bytes_ = 0.0;
};

}  // namespace

double size_bytes(const Buffer& buffer) {
  const std::size_t each = buffer.scalar == Scalar::float64 ? sizeof(double) : sizeof(float);
  return static_cast<double>(buffer.count * each);
}

std::string_view default_back_end(bool on_gpu, const Communicator& comm) {
  return comm.size() == 1 ? "self" : on_gpu ? "nccl" : "mpi";
}

std::unique_ptr<AllReducer> make_all_reducer(std::string_view name, const Communicator& comm) {
  if (name == "self") {
    if (comm.size() != 1) {
      throw InputError("all-reduce back end 'self' serves one rank, here are " +
                       std::to_string(comm.size()) + "; use 'mpi' or 'nccl'");
    }
    return std::make_unique<SelfAllReducer>();
  }
  if (name == "mpi") {
    return std::make_unique<MpiAllReducer>(comm);
  }
  if (name == "nccl") {
#ifdef EEBENCH_HAVE_NCCL
    return make_nccl_all_reducer(comm);
#else
    throw EnvironmentError(
        "all-reduce back end 'nccl' is not part of this build; configure with -DEEBENCH_NCCL=ON "
        "(needs CUDA and NCCL), or use 'mpi' with --device cpu");
#endif
  }
  throw InputError("unknown all-reduce back end '" + std::string(name) +
                   "'; there are 'self', 'mpi' and 'nccl'");
}

}  // namespace eebench::comm
