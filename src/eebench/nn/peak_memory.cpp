#include "eebench/nn/peak_memory.hpp"

#include <algorithm>

#include <ATen/DeviceAccelerator.h>
#include <c10/core/Allocator.h>
#include <c10/util/ThreadLocalDebugInfo.h>

namespace eebench::nn {
namespace {

/// Bytes of the GPU's allocator: now, and at most since its peak was reset.
c10::CachingAllocator::Stat device_bytes(c10::Device device) {
  constexpr auto all = static_cast<std::size_t>(c10::CachingAllocator::StatType::AGGREGATE);
  return at::accelerator::getDeviceStats(device.index()).allocated_bytes[all];
}

c10::Device with_index(c10::Device device) {
  return device.is_cpu() || device.has_index()
             ? device
             : c10::Device(device.type(), at::accelerator::getDeviceIndex());
}

}  // namespace

struct PeakMemory::HostReports final : c10::MemoryReportingInfoBase {
  void reportMemoryUsage(void* /*pointer*/, std::int64_t bytes, std::size_t /*allocated*/,
                         std::size_t /*reserved*/, c10::Device device) override {
    if (device.is_cpu()) {
      held += bytes;
      peak = std::max(peak, held);
    }
  }
  bool memoryProfilingEnabled() const override { return true; }

  std::int64_t held = 0;
  std::int64_t peak = 0;
};

struct PeakMemory::Host {
  std::shared_ptr<HostReports> reports = std::make_shared<HostReports>();
  c10::DebugInfoGuard guard{c10::DebugInfoKind::PROFILER_STATE, reports};
};

PeakMemory::PeakMemory(c10::Device device) : device_(with_index(device)) {
  if (device_.is_cpu()) {
    host_ = std::make_unique<Host>();
  } else {
    before_ = device_bytes(device_).current;
    at::accelerator::resetPeakStats(device_.index());
  }
}

PeakMemory::~PeakMemory() = default;

std::int64_t PeakMemory::bytes() const {
  return host_ ? host_->reports->peak : device_bytes(device_).peak - before_;
}

void PeakMemory::restart() {
  if (host_) {
    host_->reports->peak = host_->reports->held;
  } else {
    at::accelerator::resetPeakStats(device_.index());
  }
}

}  // namespace eebench::nn
