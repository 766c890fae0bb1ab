#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

namespace eebench::nn {

/// To an integer; the names of ap_fixed (AMD UG1399) for where halves go.
enum class Rounding {
  rnd,          ///< to nearest, halves up
  rnd_conv,     ///< halves to even
  trn,          ///< down
  trn_zero,     ///< towards zero
  rnd_zero,     ///< halves towards zero
  rnd_min_inf,  ///< halves down
  rnd_inf,      ///< halves away from zero
  sign,         ///< -1 below 0, else 1
};

/// What becomes of integers outside the bounds. Clipped before or after it is rounded, x gives the
/// same integer; only its gradient differs, within half a step beyond a bound.
enum class Bounds { round_then_clip, clip_then_round, wrap, none };

/// A uniform grid: the values scale * (q - zero_point) of the integers q from lowest to highest.
/// Tensors have the type of the quantized tensor, broadcast against it, and may need gradients.
struct Grid {
  at::Tensor scale;
  at::Tensor lowest;
  at::Tensor highest;
  at::Tensor zero_point = {};  ///< an integer; undefined: 0
  at::Tensor step = {};        ///< what x is divided by; undefined: scale
  Rounding rounding = Rounding::rnd_conv;
  Bounds bounds = Bounds::round_then_clip;
  /// The gradient to x is 1 everywhere, and nothing else gets one. Otherwise only rounding passes
  /// gradients straight through: x gets 1 inside the bounds and 0 outside, scale and bounds theirs.
  bool straight_through = false;

  /// q of every x, as floating-point numbers. NaN stays NaN.
  at::Tensor indices(const at::Tensor& x) const;
  at::Tensor quantize(const at::Tensor& x) const;
};

/// Merges numbers over ranks in place; empty where there is one rank.
struct RankMerge {
  std::function<void(std::span<double>)> max;
  std::function<void(std::span<std::int64_t>)> sum;
};

/// Puts a float32 or float64 tensor on a grid and keeps it in floating point ("fake" quantization).
/// What is learned is a parameter; what was observed, and whether, are buffers.
///
/// A quantizer of activations that needs their range gives x back unchanged until it has one:
/// observe(true), forward passes of a batch, merge() after each batch, fix(). Others ignore these.
/// Whatever division of a batch over ranks or calls gives the same range, bit for bit.
class Quantizer : public torch::nn::Module {
 public:
  /// x on the grid; NaN stays NaN.
  virtual at::Tensor forward(const at::Tensor& x);
  /// int32 with scale * (integers - zero_point) == forward(x). Throws InputError for NaN.
  at::Tensor integers(const at::Tensor& x);
  /// The grid for this tensor: a weight's may depend on its values, an activation's does not.
  virtual Grid grid(const at::Tensor& x) = 0;
  /// Bits of one value: a scalar, or one for each channel. Has a gradient where bits are learned;
  /// its sum is the penalty MonoL1 of HGQ.
  virtual at::Tensor bits() const = 0;

  /// Whether forward passes add to the statistics; starts anew if the range was fixed.
  virtual void observe(bool /*on*/) {}
  /// \collective Takes in what all ranks observed since the last time.
  virtual void merge(const RankMerge& /*ranks*/) {}
  /// Turns the merged statistics into the grid. Throws InputError that begins with `where` if there
  /// are none, or NaN or infinity among them.
  virtual void fix(const std::string& /*where*/) {}
  /// Whether x is put on a grid, not given back unchanged.
  virtual bool has_range() const { return true; }
  /// Whether the grid alone says which value x becomes: nothing bends x before.
  virtual bool is_linear() const { return true; }

 private:
  /// What is rounded, and whose gradient x gets.
  virtual at::Tensor before(const at::Tensor& x) const { return x; }
};

/// What is quantized: a weight [channels, ...], or activations [..., channels].
struct Operand {
  bool is_weight;
  std::int64_t channels;
};

class QuantizerSpec;

struct QuantizerKind {
  std::string_view name;
  std::string_view form;  ///< how it is written
  std::string_view description;
  std::shared_ptr<Quantizer> (*make)(QuantizerSpec& spec, const Operand& operand);
};

std::span<const QuantizerKind> quantizer_kinds();

/// From a text such as "int8", "int4-per-channel" or "fixed<8,3>". Throws InputError that begins
/// with `where`.
std::shared_ptr<Quantizer> make_quantizer(const std::string& text, const Operand& operand,
                                          const std::string& where);

}  // namespace eebench::nn
