#include "eebench/nn/convolution.hpp"

#include <cmath>
#include <vector>

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include "eebench/nn/linear.hpp"
#include "eebench/nn/work.hpp"

namespace eebench::nn {
namespace {

/// A copy of overlapping views. Its gradient is one sum a position of the kernel, where ATen's adds
/// number by number.
struct Windows : torch::autograd::Function<Windows> {
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& x,
                            std::int64_t kernel, std::int64_t stride) {
    context->saved_data["length"] = x.size(1);
    context->saved_data["kernel"] = kernel;
    context->saved_data["stride"] = stride;
    const std::int64_t channels = x.size(2);
    const std::int64_t beyond = kernel / 2 * channels;
    return at::constant_pad_nd(x.flatten(1), {beyond, beyond})
        .unfold(1, kernel * channels, stride * channels)
        .reshape({-1, kernel * channels});
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& gradients) {
    const std::int64_t length = context->saved_data["length"].toInt();
    const std::int64_t kernel = context->saved_data["kernel"].toInt();
    const std::int64_t stride = context->saved_data["stride"].toInt();
    const std::int64_t centres = (length + stride - 1) / stride;
    const at::Tensor gradient =
        gradients[0].view({-1, centres, kernel, gradients[0].size(1) / kernel});
    const at::Tensor padded =
        at::zeros({gradient.size(0), length + kernel - 1, gradient.size(3)}, gradient.options());
    for (std::int64_t k = 0; k < kernel; ++k) {
      padded.slice(1, k, k + (centres - 1) * stride + 1, stride).add_(gradient.select(2, k));
    }
    return {padded.narrow(1, kernel / 2, length), at::Tensor(), at::Tensor()};
  }
};

}  // namespace

at::Tensor pad(const at::Tensor& x, const Ragged& jets, std::int64_t length) {
  std::vector<std::int64_t> rows;
  rows.reserve(static_cast<std::size_t>(jets.particles()));
  for (std::int64_t jet = 0; jet < jets.jets(); ++jet) {
    const std::int64_t n = jets.multiplicity(jet);
    TORCH_CHECK(n <= length, "a jet of ", n, " particles does not fit into ", length, " positions");
    for (std::int64_t particle = 0; particle < n; ++particle) {
      rows.push_back(jet * length + particle);
    }
  }
  const std::int64_t channels = x.size(1);
  const at::Tensor out = at::zeros({jets.jets() * length, channels}, x.options());
  count({.bytes = (x.numel() + out.numel()) * x.element_size()});
  return out.index_copy(0, at::tensor(rows, at::kLong).to(x.device()), x)
      .view({jets.jets(), length, channels});
}

at::Tensor windows(const at::Tensor& x, std::int64_t kernel, std::int64_t stride) {
  if (kernel == 1 && stride == 1) {
    return x.flatten(0, 1);
  }
  const at::Tensor rows = Windows::apply(x, kernel, stride);
  count({.bytes = 2 * rows.numel() * x.element_size()});
  return rows;
}

Conv1dImpl::Conv1dImpl(std::int64_t in, std::int64_t out, Conv1dOptions options)
    : options_(options) {
  // PyTorch's default: uniform within 1/sqrt(fan_in).
  const double bound = 1.0 / std::sqrt(static_cast<double>(in * options.kernel));
  weight =
      register_parameter("weight", at::empty({out, in, options.kernel}).uniform_(-bound, bound));
  if (options.bias) {
    bias = register_parameter("bias", at::empty({out}).uniform_(-bound, bound));
  }
}

at::Tensor Conv1dImpl::forward(const at::Tensor& x, const Context& context) {
  return linear(windows(x, options_.kernel, options_.stride), {matrix(), bias}, context);
}

at::Tensor Conv1dImpl::matrix() const { return weight.transpose(1, 2).flatten(1); }

}  // namespace eebench::nn
