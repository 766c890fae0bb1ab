#include "eebench/model/pcnn/unit.hpp"

#include <ATen/ATen.h>

#include "eebench/nn/elementwise.hpp"

namespace eebench::model {

PcnnUnitImpl::PcnnUnitImpl(std::int64_t in, std::int64_t out, std::int64_t stride)
    : stride_(stride),
      conv1_(register_module("conv1", nn::Conv1d(in, out, nn::Conv1dOptions{.stride = stride}))),
      bn1_(register_module("bn1", nn::BatchNorm(out))),
      conv2_(register_module("conv2", nn::Conv1d(out, out))),
      bn2_(register_module("bn2", nn::BatchNorm(out))) {
  if (in != out || stride != 1) {
    conv_sc_ = register_module(
        "conv_sc",
        nn::Conv1d(in, out, nn::Conv1dOptions{.kernel = 1, .stride = stride, .bias = false}));
  }
}

PcnnUnitImpl::Folded PcnnUnitImpl::folded() const {
  return {.first = nn::folded({conv1_->matrix(), conv1_->bias}, bn1_),
          .second = nn::folded({conv2_->matrix(), conv2_->bias}, bn2_),
          .shortcut =
              conv_sc_.is_empty() ? nn::LinearWeights{} : nn::prepared({conv_sc_->matrix(), {}})};
}

void PcnnUnitImpl::prepare() { prepared_ = folded(); }

at::Tensor PcnnUnitImpl::forward(const at::Tensor& x, const nn::Context& context) {
  const auto positions = [&](const at::Tensor& rows) {
    return rows.view({x.size(0), -1, rows.size(1)});
  };
  at::Tensor h;
  at::Tensor shortcut = x;
  if (context.training && is_training()) {
    h = bn1_->forward_relu(conv1_->forward(x, context), context);
    h = bn2_->forward_relu(conv2_->forward(positions(h), context), context);
    if (!conv_sc_.is_empty()) {
      shortcut = positions(conv_sc_->forward(x, context));
    }
  } else {
    const Folded layers = prepared_ ? *prepared_ : folded();
    h = nn::linear(nn::windows(x, 3, stride_), layers.first, context, nn::Activation::relu);
    h = nn::linear(nn::windows(positions(h), 3, 1), layers.second, context, nn::Activation::relu);
    if (!conv_sc_.is_empty()) {
      shortcut = positions(nn::linear(nn::windows(x, 1, stride_), layers.shortcut, context));
    }
  }
  return nn::add(positions(h), shortcut);
}

void PcnnUnitImpl::cost(std::int64_t positions, CostCounter& counter) const {
  convolution_cost(conv1_, positions, counter);
  convolution_cost(conv2_, positions, counter);
  if (!conv_sc_.is_empty()) {
    if (stride_ > 1) {
      counter.concat(positions, conv_sc_->in());
    }
    counter.convolution(positions, conv_sc_->in(), conv_sc_->out(), false);
  }
  counter.add(positions, conv2_->out());
}

void convolution_cost(const nn::Conv1d& conv, std::int64_t positions, CostCounter& counter) {
  const std::int64_t window = conv->options().kernel * conv->in();
  counter.concat(positions, window);
  counter.convolution(positions, window, conv->out(), true);
  counter.batch_norm(positions, conv->out(), /*folded=*/true);
  counter.relu(positions, conv->out());
}

}  // namespace eebench::model
