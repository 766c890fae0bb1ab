#include "eebench/train/flat_parameters.hpp"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include "eebench/train/parameter_names.hpp"

namespace eebench::train {

FlatParameters::FlatParameters(model::Network& network, const Settings& settings) {
  const at::NoGradGuard no_grad;
  std::vector<at::Tensor> flat;
  std::vector<at::Tensor> decays;
  std::vector<at::Tensor> factors;
  for (const auto& item : network.named_parameters()) {
    const at::Tensor& parameter = item.value();
    if (!parameter.requires_grad()) {
      continue;
    }
    const bool decay = parameter.squeeze().dim() > 1 && !item.key().ends_with("cls_token");
    parameters_.push_back(parameter);
    counts_.push_back(static_cast<std::size_t>(parameter.numel()));
    flat.push_back(parameter.detach().reshape({-1}));
    const auto same = [&](double value) {
      return at::full({parameter.numel()}, value, parameter.options());
    };
    decays.push_back(same(decay ? 1.0 : 0.0));
    factors.push_back(same(lr_factor(item.key(), settings)));
  }
  values_ = at::cat(flat);
  gradients_ = at::zeros_like(values_);
  decays_ = at::cat(decays);
  lr_factors_ = at::cat(factors);
  std::int64_t offset = 0;
  for (at::Tensor& parameter : parameters_) {
    const std::int64_t count = parameter.numel();
    parameter.set_data(values_.narrow(0, offset, count).view(parameter.sizes()));
    parameter.mutable_grad() = gradients_.narrow(0, offset, count).view(parameter.sizes());
    offset += count;
  }
}

}  // namespace eebench::train
