#include "eebench/train/gradient.hpp"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

namespace eebench::train {
namespace {

struct ScaleGradient : torch::autograd::Function<ScaleGradient> {
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& x,
                            double factor) {
    context->saved_data["factor"] = factor;
    return x.view_as(x);
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& gradients) {
    return {gradients[0] * context->saved_data["factor"].toDouble(), at::Tensor()};
  }
};

}  // namespace

model::State scale_gradient(const model::State& state, double factor) {
  return state.map([factor](const at::Tensor& x) {
    return factor == 0.0 ? x.detach() : ScaleGradient::apply(x, factor);
  });
}

}  // namespace eebench::train
