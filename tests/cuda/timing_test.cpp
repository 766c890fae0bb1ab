#include <chrono>

#include <ATen/ATen.h>
#include <ATen/DeviceAccelerator.h>
#include <cuda_runtime_api.h>

#include "check.hpp"

// The measurement rule on devices: a clock read without waiting for the device sees only the
// launch.
void eebench::test::test_timing() {
  const at::Tensor a = at::randn({4096, 4096}, at::device(at::kCUDA));
  at::matmul(a, a);
  at::accelerator::synchronizeDevice(0);

  cudaEvent_t begin = nullptr;
  cudaEvent_t end = nullptr;
  cudaEventCreate(&begin);
  cudaEventCreate(&end);
  auto* stream = static_cast<cudaStream_t>(at::accelerator::getCurrentStream(0).native_handle());
  const auto start = std::chrono::steady_clock::now();
  cudaEventRecord(begin, stream);
  for (int i = 0; i < 20; ++i) {
    at::matmul(a, a);
  }
  cudaEventRecord(end, stream);
  at::accelerator::synchronizeDevice(0);
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  float milliseconds = 0.0F;
  check(cudaEventElapsedTime(&milliseconds, begin, end) == cudaSuccess, "timing: events");
  check(milliseconds > 0.0F && seconds.count() >= 1e-3 * static_cast<double>(milliseconds),
        "timing: the synchronised clock covers the device's work");
  cudaEventDestroy(begin);
  cudaEventDestroy(end);
}
