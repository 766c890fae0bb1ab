#include <cstdio>
#include <exception>

#include <ATen/Context.h>
#include <cuda_runtime_api.h>
#include <nccl.h>

#include "check.hpp"

namespace {
int checks = 0;
int failures = 0;
constexpr int skipped = 77;
}  // namespace

void eebench::test::check(bool condition, const std::string& what) {
  ++checks;
  if (!condition) {
    ++failures;
    std::printf("FAILED: %s\n", what.c_str());
  }
}

int main() {
  int gpus = 0;
  const cudaError_t status = cudaGetDeviceCount(&gpus);
  if (status != cudaSuccess || gpus == 0) {
    std::printf("SKIPPED: no GPU here (%s)\n", cudaGetErrorString(status));
    return skipped;
  }
  if (!at::globalContext().hasCUDA()) {
    std::printf("SKIPPED: %d GPUs, but this LibTorch is a CPU build\n", gpus);
    return skipped;
  }
  cudaDeviceProp gpu{};
  cudaGetDeviceProperties(&gpu, 0);
  int nccl = 0;
  ncclGetVersion(&nccl);
  std::printf("%s, NCCL %d\n", gpu.name, nccl);
  using namespace eebench::test;
  for (void (*test)() : {test_all_reduce, test_packed_operations, test_networks, test_timing}) {
    try {
      test();
    } catch (const std::exception& error) {
      check(false, error.what());
    }
  }
  std::printf("%d checks, %d failed\n", checks, failures);
  return failures == 0 ? 0 : 1;
}
