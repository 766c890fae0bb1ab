#include <array>
#include <cmath>

#include <ATen/ATen.h>

#include "eebench/core/names.hpp"
#include "eebench/nn/quantization/arithmetic.hpp"
#include "eebench/nn/quantization/kinds.hpp"

namespace eebench::nn::quantization {
namespace {

enum class Overflow { sat, sat_sym, wrap };

constexpr int furthest = 2 * most_bits;  // from 1, either way, that the last bit can be

constexpr std::array roundings = {
    Named{Rounding::rnd, "RND"},           Named{Rounding::rnd_conv, "RND_CONV"},
    Named{Rounding::trn, "TRN"},           Named{Rounding::trn_zero, "TRN_ZERO"},
    Named{Rounding::rnd_zero, "RND_ZERO"}, Named{Rounding::rnd_min_inf, "RND_MIN_INF"},
    Named{Rounding::rnd_inf, "RND_INF"},
};
constexpr std::array overflows = {
    Named{Overflow::sat, "SAT"},
    Named{Overflow::sat_sym, "SAT_SYM"},
    Named{Overflow::wrap, "WRAP"},
};

/// The fixed-point grid of HGQ (arXiv:2405.00645, section 3; its library `quantizers`): steps of
/// 2^-f from -k 2^i to 2^i - 2^-f, symmetric if SAT_SYM; clipped before it is rounded.
struct FixedPoint {
  int k;  ///< 1 with a sign, else 0
  int i;
  int f;
  Rounding rounding;
  Overflow overflow;
};

class FixedPointQuantizer : public Quantizer {
 public:
  explicit FixedPointQuantizer(FixedPoint format) : format_(format) {}

  Grid grid(const at::Tensor& x) override {
    const auto& [k, i, f, rounding, overflow] = format_;
    const double highest = std::ldexp(1.0, i + f) - 1.0;
    const double lowest = -k * (overflow == Overflow::sat_sym ? highest : highest + 1.0);
    return {.scale = constant(std::ldexp(1.0, -f), x),
            .lowest = constant(lowest, x),
            .highest = constant(highest, x),
            .rounding = rounding,
            // A wrapped value would teach the opposite of what it should.
            .bounds = overflow != Overflow::wrap ? Bounds::clip_then_round
                      : is_training()            ? Bounds::none
                                                 : Bounds::wrap};
  }
  at::Tensor bits() const override {
    return at::scalar_tensor(format_.k + format_.i + format_.f, at::kFloat);
  }

 private:
  FixedPoint format_;
};

/// HGQ's with i and f learned. With the gradient of the grid's formula, 2^n having that of 2^n and
/// rounding none of its own, d xq/df = ln 2 (x - xq) inside the bounds.
class LearnedFixedPointQuantizer : public Quantizer {
 public:
  LearnedFixedPointQuantizer(FixedPoint format, const Operand& operand, bool per_channel)
      : format_(format), operand_(operand) {
    const std::vector<std::int64_t> shape(per_channel ? 1 : 0, operand.channels);
    i_ = register_parameter("i", at::full(shape, static_cast<double>(format.i)));
    f_ = register_parameter("f", at::full(shape, static_cast<double>(format.f)));
  }

  Grid grid(const at::Tensor& x) override {
    const auto [i, f, alive] = whole(spread(i_, x, operand_), spread(f_, x, operand_));
    const at::Tensor span = power_of_two(i + f);
    const at::Tensor highest = span - 1;
    const at::Tensor lowest = (format_.overflow == Overflow::sat_sym ? highest : span) * -format_.k;
    return {.scale = power_of_two(-f),
            .lowest = lowest * alive,
            .highest = highest,
            .rounding = format_.rounding,
            .bounds = Bounds::clip_then_round};
  }
  at::Tensor bits() const override {
    const auto [i, f, alive] = whole(i_, f_);
    return (i + f + format_.k) * alive;
  }

 private:
  /// Rounded to even, with the gradients of what was rounded. i is at least -f, and so small that
  /// float32 holds all integers. Not alive: no bit is left and all is 0 (highest is, as i + f = 0).
  struct Whole {
    at::Tensor i;
    at::Tensor f;
    at::Tensor alive;
  };
  Whole whole(const at::Tensor& i, const at::Tensor& f) const {
    const at::Tensor near_i = i.detach().round();
    const at::Tensor near_f = f.detach().round().clamp(-furthest, furthest);
    const at::Tensor raised = at::maximum(near_i, -near_f);
    return {straight_through(at::minimum(raised, most_bits - format_.k - near_f), i),
            straight_through(near_f, f), (near_i + near_f + format_.k).gt(0)};
  }

  FixedPoint format_;
  Operand operand_;
  at::Tensor i_;  ///< [] or [channels], rounded where used
  at::Tensor f_;
};

template <class Table>
auto choice(QuantizerSpec& spec, const Table& table, std::string_view key,
            std::string_view otherwise) {
  const std::string name = spec.argument(key).value_or(std::string(otherwise));
  return entry_of(table, key, name, spec.place()).value;
}

std::shared_ptr<Quantizer> make_kif(QuantizerSpec& spec, const Operand& operand, int k, int i,
                                    int f) {
  const FixedPoint format{.k = k,
                          .i = i,
                          .f = f,
                          .rounding = choice(spec, roundings, "rounding", "RND_CONV"),
                          .overflow = choice(spec, overflows, "overflow", "SAT")};
  if (i + f < 0 || k + i + f < 1 || k + i + f > most_bits) {
    spec.fail("it has " + std::to_string(k + i + f) + " bits; give it 1 to " +
              std::to_string(most_bits));
  }
  if (!spec.word("learned")) {
    return std::make_shared<FixedPointQuantizer>(format);
  }
  if (format.overflow == Overflow::wrap) {
    spec.fail("bits are learned from clipped values; take SAT or SAT_SYM");
  }
  return std::make_shared<LearnedFixedPointQuantizer>(format, operand, spec.word("per-channel"));
}

std::shared_ptr<Quantizer> make_fixed(QuantizerSpec& spec, const Operand& operand, int k) {
  const int width = spec.integer("W", 1, most_bits);
  const int whole = spec.integer("I", -most_bits, most_bits);
  return make_kif(spec, operand, k, whole - k, width - whole);
}

enum class Alpha { number, automatic, automatic_power };

/// quantized_bits of QKeras (quantizers.py): u bits without sign; m = 2^u integers cover 2^integer.
struct QuantizedBits {
  int bits;
  int integer;
  bool symmetric;
  bool keep_negative;
  Alpha alpha;
  double number;
};

class QuantizedBitsQuantizer : public Quantizer {
 public:
  explicit QuantizedBitsQuantizer(const QuantizedBits& format) : format_(format) {}

  Grid grid(const at::Tensor& x) override {
    const auto& [bits, integer, symmetric, keep_negative, alpha, number] = format_;
    if (alpha != Alpha::number) {
      return grid_of_values(x.detach());
    }
    const int u = bits - (keep_negative ? 1 : 0);
    if (u == 0) {
      return {.scale = constant(number, x),
              .lowest = constant(-1.0, x),
              .highest = constant(1.0, x),
              .step = constant(1.0, x),
              .rounding = Rounding::sign,
              .straight_through = true};
    }
    const double m = std::ldexp(1.0, u);
    const double step = std::ldexp(1.0, integer - u);
    return {.scale = constant(number * step, x),
            .lowest = constant(keep_negative ? (symmetric ? 1.0 : 0.0) - m : 0.0, x),
            .highest = constant(m - 1.0, x),
            .step = constant(step, x),
            .straight_through = true};
  }
  at::Tensor bits() const override { return at::scalar_tensor(format_.bits, at::kFloat); }

 private:
  /// alpha auto: the scale of the largest value, of each channel; auto_po2: from there five times
  /// the power of two next to the least-squares scale of the integers that the last one gave.
  /// QKeras reduces all axes but the last, its output channels; here they come first.
  Grid grid_of_values(const at::Tensor& x) const {
    constexpr double epsilon = 1e-7;  // Keras's
    constexpr int iterations = 5;
    std::vector<std::int64_t> axes;
    for (std::int64_t axis = x.dim() > 1 ? 1 : 0; axis < x.dim(); ++axis) {
      axes.push_back(axis);
    }
    const at::Tensor range = constant(std::ldexp(1.0, format_.integer), x);
    const double highest = std::ldexp(1.0, format_.bits - 1) - 1.0;
    const at::Tensor scaled = x / range;
    Grid grid{.scale = scaled.abs().amax(axes, /*keepdim=*/true) / highest,
              .lowest = constant(-highest, x),
              .highest = constant(highest, x),
              .rounding = Rounding::rnd_inf};
    grid.step = grid.scale = grid.scale.clamp_min(1e-30);  // QKeras divides by 0 if all are 0
    if (format_.alpha == Alpha::automatic_power) {
      grid.scale = to_power_of_two(grid.scale + epsilon, /*upwards=*/false);
      for (int iteration = 0; iteration < iterations; ++iteration) {
        grid.step = grid.scale;
        const at::Tensor z = grid.indices(scaled);
        const at::Tensor least_squares =
            (scaled * z).mean(axes, true) / (z.square().mean(axes, true) + epsilon);
        grid.scale = to_power_of_two(least_squares + epsilon, false);
      }
    }
    grid.scale = grid.scale * range;
    grid.step = grid.step * range;
    grid.straight_through = true;
    return grid;
  }

  QuantizedBits format_;
};

/// quantized_relu of QKeras: m = 2^bits integers (half of them with a slope) cover 2^integer; below
/// 0 the same grid holds slope x. Its gradient is that of the leaky ReLU clipped at the top.
class QuantizedReluQuantizer : public Quantizer {
 public:
  QuantizedReluQuantizer(int bits, int integer, double slope)
      : bits_(bits),
        slope_(slope),
        m_(std::ldexp(1.0, bits - (slope != 0.0 ? 1 : 0))),
        step_(std::ldexp(1.0, integer) / m_) {}

  Grid grid(const at::Tensor& x) override {
    return {.scale = constant(step_, x),
            .lowest = constant(-slope_ * m_, x),
            .highest = constant(m_ - 1.0, x),
            .straight_through = true};
  }
  at::Tensor bits() const override { return at::scalar_tensor(bits_, at::kFloat); }
  bool is_linear() const override { return slope_ == 0.0 || slope_ == 1.0; }

 private:
  at::Tensor before(const at::Tensor& x) const override {
    return at::leaky_relu(x, slope_).clamp_max(step_ * (m_ - 1.0));
  }

  int bits_;
  double slope_;
  double m_;
  double step_;
};

}  // namespace

std::shared_ptr<Quantizer> make_fixed(QuantizerSpec& spec, const Operand& operand) {
  return make_fixed(spec, operand, 1);
}

std::shared_ptr<Quantizer> make_unsigned_fixed(QuantizerSpec& spec, const Operand& operand) {
  return make_fixed(spec, operand, 0);
}

std::shared_ptr<Quantizer> make_kif(QuantizerSpec& spec, const Operand& operand) {
  const int k = spec.integer("k", 0, 1);
  const int i = spec.integer("i", -most_bits, most_bits);
  const int f = spec.integer("f", -most_bits, most_bits);
  return make_kif(spec, operand, k, i, f);
}

std::shared_ptr<Quantizer> make_quantized_bits(QuantizerSpec& spec, const Operand& operand) {
  QuantizedBits format{.bits = spec.integer("bits", 1, most_bits, 8),
                       .integer = spec.integer("integer", -most_bits, most_bits, 0),
                       .symmetric = spec.integer("symmetric", 0, 1, 0) == 1,
                       .keep_negative = spec.integer("keep_negative", 0, 1, 1) == 1,
                       .alpha = Alpha::number,
                       .number = 1.0};
  const auto alpha = spec.argument("alpha");
  if (alpha == "auto" || alpha == "auto_po2") {
    format.alpha = alpha == "auto" ? Alpha::automatic : Alpha::automatic_power;
    if (!operand.is_weight) {
      spec.fail(
          "alpha from the values is for weights: of activations it would depend on the batch");
    }
    if (format.bits < 2 || !format.keep_negative) {
      spec.fail("alpha from the values needs a sign and 2 bits");
    }
  } else if (alpha && alpha != "None") {
    format.number = spec.number("alpha", *alpha);
  }
  return std::make_shared<QuantizedBitsQuantizer>(format);
}

std::shared_ptr<Quantizer> make_quantized_relu(QuantizerSpec& spec, const Operand& /*operand*/) {
  const int bits = spec.integer("bits", 1, most_bits, 8);
  const int integer = spec.integer("integer", -most_bits, most_bits, 0);
  const double slope = spec.number("slope", spec.argument("slope").value_or("0"));
  int exponent = 0;
  if (slope != 0.0 &&
      (std::frexp(slope, &exponent) != 0.5 || slope > 1.0 || exponent - 1 < 1 - bits)) {
    spec.fail("'slope' must be 0 or a power of two from 2^(1-bits) to 1");
  }
  return std::make_shared<QuantizedReluQuantizer>(bits, integer, slope);
}

}  // namespace eebench::nn::quantization
