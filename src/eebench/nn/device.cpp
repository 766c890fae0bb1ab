#include "eebench/nn/device.hpp"

#include <ATen/Context.h>
#include <torch/cuda.h>

#include "eebench/core/error.hpp"

namespace eebench::nn {

c10::Device device_of(const std::string& name, int local_rank) {
  if (name == "cpu") {
    return c10::kCPU;
  }
  if (name != "cuda") {
    throw InputError("device '" + name + "' is neither cpu nor cuda");
  }
  if (!torch::cuda::is_available()) {
    throw EnvironmentError("device cuda: no GPU, or a LibTorch without CUDA; use cpu");
  }
  // cuDNN's convolutions would round float32 to ten bits.
  at::globalContext().setAllowTF32CuDNN(false);
  const auto gpus = static_cast<int>(torch::cuda::device_count());
  return {c10::kCUDA, static_cast<c10::DeviceIndex>(local_rank % gpus)};
}

}  // namespace eebench::nn
