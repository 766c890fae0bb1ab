#pragma once

#include <cstdint>
#include <memory>

#include <c10/core/Device.h>

namespace eebench::nn {

/// Follows how much memory of a device tensors hold. On a CPU: tensors of this thread, while one
/// lives; it takes the place of torch's own profiler, and what was made meanwhile should go before
/// it does. On a GPU: blocks of the caching allocator, whose peak it resets.
class PeakMemory {
 public:
  explicit PeakMemory(c10::Device device);
  ~PeakMemory();
  PeakMemory(const PeakMemory&) = delete;
  PeakMemory& operator=(const PeakMemory&) = delete;

  /// Most bytes held at once since construction or the last restart, above those at construction.
  std::int64_t bytes() const;
  /// From here on: the peak begins at what is held now.
  void restart();

 private:
  struct HostReports;
  struct Host;
  std::unique_ptr<Host> host_;  ///< empty for a GPU
  c10::Device device_;
  std::int64_t before_ = 0;  ///< bytes of the GPU at construction
};

}  // namespace eebench::nn
