#include "eebench/nn/quantization/arithmetic.hpp"

#include <cmath>
#include <numbers>

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

namespace eebench::nn::quantization {
namespace {

struct StraightThrough : torch::autograd::Function<StraightThrough> {
  static at::Tensor forward(torch::autograd::AutogradContext*, const at::Tensor& value,
                            const at::Tensor& /*x*/) {
    return value.view_as(value);
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext*,
                                                 const torch::autograd::variable_list& gradients) {
    return {at::Tensor(), gradients[0]};
  }
};

/// x = m 2^e with m in [1/2, 1): the power of two below is 2^(e-1), the one above 2^e, and the
/// nearer in log2 changes at m = sqrt(1/2).
double last_mantissa_below(bool upwards) { return upwards ? 0.5 : std::numbers::sqrt2 / 2.0; }

}  // namespace

at::Tensor straight_through(const at::Tensor& value, const at::Tensor& x) {
  return StraightThrough::apply(value.detach(), x);
}

at::Tensor rounded(const at::Tensor& x, Rounding rounding) {
  // Not floor(x + 1/2): that sum is rounded too, and wrong just below a half and for large x.
  switch (rounding) {
    case Rounding::rnd: {
      const at::Tensor below = x.floor();
      return below + (x - below).ge(0.5);
    }
    case Rounding::rnd_min_inf: {
      const at::Tensor below = x.floor();
      return below + (x - below).gt(0.5);
    }
    case Rounding::rnd_zero: {
      const at::Tensor inner = x.trunc();
      return inner + (x - inner).abs().gt(0.5) * x.sign();
    }
    case Rounding::rnd_inf: {
      const at::Tensor inner = x.trunc();
      return inner + (x - inner).abs().ge(0.5) * x.sign();
    }
    case Rounding::trn:
      return x.floor();
    case Rounding::trn_zero:
      return x.trunc();
    case Rounding::sign:
      return at::where(x.isnan(), x, 1 - 2 * x.lt(0).to(x.scalar_type()));
    case Rounding::rnd_conv:
      break;
  }
  return x.round();
}

at::Tensor power_of_two(const at::Tensor& n) {
  constexpr int bias = 127;
  constexpr int mantissa_bits = 23;
  const at::Tensor whole = n.detach();
  const at::Tensor power =
      ((whole.to(at::kInt) + bias) * (1 << mantissa_bits)).view(at::kFloat).to(n.scalar_type());
  return power * at::exp2(n - whole);  // times 1
}

at::Tensor to_power_of_two(const at::Tensor& x, bool upwards) {
  const at::Tensor detached = x.detach();
  const auto [mantissa, exponent] = at::frexp(detached);
  const at::Tensor lower = mantissa.le(last_mantissa_below(upwards));
  return power_of_two((exponent - lower.to(at::kInt)).to(x.scalar_type())) * (x / detached);
}

double to_power_of_two(double x, bool upwards) {
  int exponent = 0;
  const double mantissa = std::frexp(x, &exponent);
  return std::ldexp(1.0, exponent - (mantissa <= last_mantissa_below(upwards) ? 1 : 0));
}

at::Tensor constant(double value, const at::Tensor& x) {
  return at::scalar_tensor(value, x.options());
}

at::Tensor spread(const at::Tensor& parameter, const at::Tensor& x, const Operand& operand) {
  const at::Tensor own = parameter.to(x.scalar_type());
  if (own.dim() == 0 || !operand.is_weight) {
    return own;
  }
  std::vector<std::int64_t> shape(static_cast<std::size_t>(x.dim()), 1);
  shape[0] = operand.channels;
  return own.view(shape);
}

Flag::Flag(torch::nn::Module& module, const std::string& name)
    : buffer_(module.register_buffer(name, at::zeros({}, at::kLong))) {}

void Flag::set(bool value) { buffer_.fill_(value ? 1 : 0); }

Flag::operator bool() const {
  if (const std::int64_t now = buffer_._version(); now != version_) {
    value_ = buffer_.item<bool>();
    version_ = now;
  }
  return value_;
}

}  // namespace eebench::nn::quantization
