#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

#include "eebench/comm/communicator.hpp"

namespace eebench::comm {

enum class Scalar { float32, float64 };

/// Contiguous numbers to be summed over ranks in place; device memory for the nccl back end.
struct Buffer {
  void* data = nullptr;
  std::size_t count = 0;
  Scalar scalar = Scalar::float32;
};

double size_bytes(const Buffer& buffer);

/// Sums buffers over ranks. Back ends: `self` (one rank), `mpi` (host memory), `nccl` (device
/// memory).
class AllReducer {
 public:
  virtual ~AllReducer() = default;
  virtual std::string_view name() const = 0;
  /// \collective Begins the sum; every rank starts the same buffers in the same order. A back end
  /// may complete it here (mpi blocks: its non-blocking form makes no progress on its own).
  virtual void start(Buffer buffer) = 0;
  /// \collective Returns when every started sum is complete.
  virtual void wait() = 0;
  /// Seconds this rank has spent inside start() and wait(), and bytes summed, since construction.
  virtual double seconds_blocked() const = 0;
  virtual double bytes() const = 0;
  /// Seconds that the sums themselves took, and those of them during which this rank's computation
  /// went on: hidden behind it. Complete after wait().
  virtual double seconds_running() const = 0;
  virtual double seconds_hidden() const = 0;
};

/// What fits: "self" for one rank, else "nccl" for device memory, "mpi" for host memory.
std::string_view default_back_end(bool on_gpu, const Communicator& comm);

/// \collective `name` is "self", "mpi" or "nccl". Throws InputError for another name or `self` on
/// several ranks, EnvironmentError where the back end cannot run here.
std::unique_ptr<AllReducer> make_all_reducer(std::string_view name, const Communicator& comm);

}  // namespace eebench::comm
