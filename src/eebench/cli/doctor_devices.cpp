#include <fmt/format.h>
#include <torch/cuda.h>
#include <torch/version.h>

#include "eebench/cli/doctor_findings.hpp"

namespace eebench::cli {

std::vector<Finding> look_at_devices() {
  std::vector<Finding> findings{{Level::fine, "LibTorch", TORCH_VERSION}};
  if (torch::cuda::is_available()) {
    findings.push_back({Level::fine, "GPU", fmt::format("{} usable", torch::cuda::device_count())});
  } else {
    findings.push_back({Level::fine, "GPU", "none usable: --device cpu only",
                        "for one: NVIDIA driver, and a CUDA LibTorch through EEBENCH_TORCH_ROOT"});
  }
#ifdef EEBENCH_HAVE_NCCL
  findings.push_back({Level::fine, "NCCL", "back end built in",
                      torch::cuda::is_available() ? "" : "it needs a GPU for each local rank"});
#else
  findings.push_back(
      {Level::fine, "NCCL", "back end not built in; gradients go through MPI",
       "for it, with a CUDA toolkit: scripts/setup.sh --nccl && cmake --preset nccl && "
       "cmake --build --preset nccl"});
#endif
  return findings;
}

}  // namespace eebench::cli
