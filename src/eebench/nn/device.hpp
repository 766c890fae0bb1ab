#pragma once

#include <string>

#include <c10/core/Device.h>

namespace eebench::nn {

/// "cpu" or "cuda": the GPU of this rank of the node, counted round where ranks see fewer GPUs than
/// they are; float32 is float32 there, in convolutions too. Throws InputError for another name,
/// EnvironmentError where there is no GPU.
c10::Device device_of(const std::string& name, int local_rank);

}  // namespace eebench::nn
