#include "eebench/nn/convolution.hpp"

#include <cmath>
#include <vector>

#include <ATen/ATen.h>

#include "eebench/nn/linear.hpp"
#include "eebench/nn/work.hpp"

namespace eebench::nn {

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
  const std::int64_t channels = x.size(2);
  if (kernel == 1 && stride == 1) {
    return x.reshape({-1, channels});
  }
  const std::int64_t beyond = kernel / 2 * channels;
  const at::Tensor rows = at::constant_pad_nd(x.flatten(1), {beyond, beyond})
                              .unfold(1, kernel * channels, stride * channels)
                              .reshape({-1, kernel * channels});
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
