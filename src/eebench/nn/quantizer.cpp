#include "eebench/nn/quantizer.hpp"

#include <array>

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <fmt/format.h>

#include "eebench/core/error.hpp"
#include "eebench/core/names.hpp"
#include "eebench/nn/quantization/arithmetic.hpp"
#include "eebench/nn/quantization/kinds.hpp"

namespace eebench::nn {
namespace {

constexpr std::array registry = {
    QuantizerKind{"fixed", "fixed[-learned[-per-channel]]<W,I[,rounding[,overflow]]>",
                  "W bits, I of them sign and whole part: grid 2^(I-W), rounding RND_CONV (or RND, "
                  "TRN, TRN_ZERO, RND_ZERO, RND_MIN_INF, RND_INF), overflow SAT (or SAT_SYM, WRAP, "
                  "which wraps in evaluation only); learned: HGQ's, bits from gradients",
                  &quantization::make_fixed},
    QuantizerKind{"ufixed", "ufixed[-learned[-per-channel]]<W,I[,rounding[,overflow]]>",
                  "fixed without a sign", &quantization::make_unsigned_fixed},
    QuantizerKind{"kif", "kif[-learned[-per-channel]]<k,i,f[,rounding[,overflow]]>",
                  "fixed<k+i+f,k+i>: k bits of sign, i whole, f fractional",
                  &quantization::make_kif},
    QuantizerKind{
        "quantized_bits", "quantized_bits(bits[,integer[,symmetric[,keep_negative[,alpha]]]])",
        "QKeras's: gradient 1 everywhere; alpha a number, or for weights auto or auto_po2",
        &quantization::make_quantized_bits},
    QuantizerKind{"quantized_relu", "quantized_relu(bits[,integer[,slope]])",
                  "QKeras's: ReLU, leaky with a slope, and its grid",
                  &quantization::make_quantized_relu},
    QuantizerKind{
        "int",
        "int<bits>[-per-channel][-po2|-po2-ceil][-absmax|-ema|-percentile|-mse|-lsq|-asymmetric]",
        "integers times a scale. Weights: of the largest at every step (Brevitas), for "
        "each channel if asked. Activations: of an observed range, the largest (absmax), "
        "its moving average, a percentile (99.999, or int8-percentile(99.9)), or the one "
        "of least squared error; asymmetric: from smallest to largest. po2: a power of two. lsq: "
        "learned",
        &quantization::make_integer},
    QuantizerKind{"uint", "uint<bits>[...]", "int without a sign, for activations",
                  &quantization::make_unsigned_integer},
    QuantizerKind{"ternary", "ternary",
                  "weights -1, 0, 1 times a scale: ternary weight networks (arXiv:1605.04711)",
                  &quantization::make_ternary},
};

}  // namespace

at::Tensor Grid::indices(const at::Tensor& x) const {
  using quantization::straight_through;
  at::Tensor place = x / (step.defined() ? step : scale);
  if (zero_point.defined()) {
    place = place + zero_point;
  }
  if (bounds == Bounds::clip_then_round) {
    place = at::clamp(place, lowest, highest);
  }
  const at::Tensor whole = straight_through(quantization::rounded(place.detach(), rounding), place);
  switch (bounds) {
    case Bounds::round_then_clip:
      return at::clamp(whole, lowest, highest);
    case Bounds::wrap:
      return lowest + at::remainder(whole - lowest, highest - lowest + 1);
    default:
      return whole;
  }
}

at::Tensor Grid::quantize(const at::Tensor& x) const {
  if (straight_through) {
    Grid plain = *this;
    plain.straight_through = false;
    return quantization::straight_through(plain.quantize(x.detach()), x);
  }
  const at::Tensor q = indices(x);
  return (zero_point.defined() ? q - zero_point : q) * scale;
}

at::Tensor Quantizer::forward(const at::Tensor& x) {
  const at::Tensor y = before(x);
  return grid(y).quantize(y);
}

at::Tensor Quantizer::integers(const at::Tensor& x) {
  const at::NoGradGuard no_grad;
  const at::Tensor y = before(x);
  const at::Tensor q = grid(y).indices(y);
  if (q.isnan().any().item<bool>()) {
    throw InputError("a quantizer has no integer for NaN; look where the weights or inputs got it");
  }
  return q.to(at::kInt);
}

std::span<const QuantizerKind> quantizer_kinds() { return registry; }

std::shared_ptr<Quantizer> make_quantizer(const std::string& text, const Operand& operand,
                                          const std::string& where) {
  QuantizerSpec spec(text, where);
  const QuantizerKind& kind = entry_of(registry, "quantizer", spec.name(), spec.place());
  spec.set_form(kind.form);
  const auto quantizer = kind.make(spec, operand);
  spec.finish();
  return quantizer;
}

}  // namespace eebench::nn
