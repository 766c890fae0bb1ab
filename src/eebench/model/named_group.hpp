#pragma once

#include <memory>
#include <string>

#include <torch/nn/module.h>

namespace eebench::model {

/// A module below `parent` that exists to give its children the names of the reference.
inline torch::nn::Module& named_group(torch::nn::Module& parent, const std::string& name) {
  return *parent.register_module(name, std::make_shared<torch::nn::Module>(name));
}

}  // namespace eebench::model
