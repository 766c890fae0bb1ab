#include "eebench/train/flat_parameters.hpp"

#include <cmath>

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

namespace eebench::train {

FlatParameters::FlatParameters(model::Network& network) {
  const at::NoGradGuard no_grad;
  std::vector<at::Tensor> flat;
  std::vector<at::Tensor> decays;
  for (const auto& item : network.named_parameters()) {
    const at::Tensor& parameter = item.value();
    if (!parameter.requires_grad()) {
      continue;
    }
    const bool decay = parameter.squeeze().dim() > 1 && !item.key().ends_with("cls_token");
    parameters_.push_back(parameter);
    counts_.push_back(static_cast<std::size_t>(parameter.numel()));
    flat.push_back(parameter.detach().reshape({-1}));
    decays.push_back(at::full({parameter.numel()}, decay ? 1.0 : 0.0, parameter.options()));
  }
  values_ = at::cat(flat);
  gradients_ = at::zeros_like(values_);
  decays_ = at::cat(decays);
  std::int64_t offset = 0;
  for (at::Tensor& parameter : parameters_) {
    const std::int64_t count = parameter.numel();
    parameter.set_data(values_.narrow(0, offset, count).view(parameter.sizes()));
    parameter.mutable_grad() = gradients_.narrow(0, offset, count).view(parameter.sizes());
    offset += count;
  }
}

AdamW::AdamW(const at::Tensor& values)
    : first_moment(at::zeros_like(values)), second_moment(at::zeros_like(values)) {}

void AdamW::update(FlatParameters& parameters, std::int64_t step, double lr, double weight_decay) {
  constexpr double beta1 = 0.9;
  constexpr double beta2 = 0.999;
  constexpr double eps = 1e-8;
  const at::NoGradGuard no_grad;
  const at::Tensor& gradient = parameters.gradients();
  at::Tensor& values = parameters.values();
  const double t = static_cast<double>(step);
  values.mul_(1.0 - lr * weight_decay * parameters.decays());
  first_moment.mul_(beta1).add_(gradient, 1.0 - beta1);
  second_moment.mul_(beta2).addcmul_(gradient, gradient, 1.0 - beta2);
  const at::Tensor denominator =
      second_moment.sqrt().div_(std::sqrt(1.0 - std::pow(beta2, t))).add_(eps);
  values.addcdiv_(first_moment, denominator, -lr / (1.0 - std::pow(beta1, t)));
}

}  // namespace eebench::train
