#include "eebench/train/rank_sum.hpp"

#include <functional>
#include <utility>

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/csrc/autograd/function_hook.h>
#include <torch/csrc/autograd/variable.h>

namespace eebench::train {
namespace {

comm::Buffer buffer_of(const at::Tensor& tensor) {
  return {.data = tensor.data_ptr(),
          .count = static_cast<std::size_t>(tensor.numel()),
          .scalar =
              tensor.scalar_type() == at::kDouble ? comm::Scalar::float64 : comm::Scalar::float32};
}

at::Tensor summed(const at::Tensor& x, comm::AllReducer& reducer) {
  at::Tensor total = x.detach().clone().contiguous();
  reducer.start(buffer_of(total));
  reducer.wait();
  return total;
}

/// The reducer travels as a plain address: the graph does not outlive the training step.
struct SumFunction : torch::autograd::Function<SumFunction> {
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& x,
                            std::int64_t reducer) {
    context->saved_data["reducer"] = reducer;
    return summed(x, *reinterpret_cast<comm::AllReducer*>(reducer));
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& gradients) {
    auto* reducer = reinterpret_cast<comm::AllReducer*>(context->saved_data["reducer"].toInt());
    return {summed(gradients[0], *reducer), at::Tensor()};
  }
};

struct AfterGradient : torch::autograd::PostAccumulateGradHook {
  explicit AfterGradient(std::function<void()> action) : action_(std::move(action)) {}
  void operator()(const torch::autograd::Variable&) override { action_(); }
  std::function<void()> action_;
};

}  // namespace

at::Tensor sum_over_ranks(const at::Tensor& x, const std::shared_ptr<comm::AllReducer>& reducer) {
  return SumFunction::apply(x, reinterpret_cast<std::int64_t>(reducer.get()));
}

GradientSum::GradientSum(FlatParameters& parameters, std::shared_ptr<comm::AllReducer> reducer,
                         std::size_t bucket_elements)
    : parameters_(parameters),
      reducer_(std::move(reducer)),
      schedule_(comm::plan_buckets(parameters.counts(), bucket_elements)) {
  for (std::size_t p = 0; p < parameters.parameters().size(); ++p) {
    torch::autograd::impl::set_post_acc_grad_hooks(
        parameters.parameters()[p],
        std::make_unique<AfterGradient>([this, p] { start(schedule_.ready(p)); }));
  }
}

void GradientSum::start(std::span<const comm::Bucket> buckets) {
  for (const comm::Bucket& bucket : buckets) {
    reducer_->start(buffer_of(parameters_.gradients().narrow(
        0, static_cast<std::int64_t>(bucket.offset), static_cast<std::int64_t>(bucket.count))));
  }
}

void GradientSum::finish() {
  start(schedule_.finish());
  reducer_->wait();
}

}  // namespace eebench::train
