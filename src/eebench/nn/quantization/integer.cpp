#include <cmath>
#include <optional>

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <fmt/format.h>

#include "eebench/core/error.hpp"
#include "eebench/nn/quantization/arithmetic.hpp"
#include "eebench/nn/quantization/kinds.hpp"
#include "eebench/nn/quantization/observer.hpp"

namespace eebench::nn::quantization {
namespace {

constexpr double least_range = 1e-10;  // Brevitas's, where all values are 0

enum class Power { any, nearest_of_two, next_of_two };

/// Axes of a weight that share a scale.
std::vector<std::int64_t> shared_axes(const at::Tensor& weight, bool per_channel) {
  std::vector<std::int64_t> axes;
  for (std::int64_t axis = per_channel ? 1 : 0; axis < weight.dim(); ++axis) {
    axes.push_back(axis);
  }
  return axes;
}

/// Int8WeightPerTensorFloat and Int8WeightPerChannelFloat of Brevitas, for any number of bits: the
/// scale is the largest |w| over the largest integer, and learns with w. Its power-of-two kinds
/// divide by one more, and round the range to the nearest or (P*PoT) to the next power.
class IntegerWeightQuantizer : public Quantizer {
 public:
  IntegerWeightQuantizer(int bits, bool per_channel, Power power)
      : bits_(bits), per_channel_(per_channel), power_(power) {}

  Grid grid(const at::Tensor& w) override {
    const double span = std::ldexp(1.0, bits_ - 1);
    const at::Tensor range =
        w.abs().amax(shared_axes(w, per_channel_), /*keepdim=*/per_channel_).clamp_min(least_range);
    return {.scale = power_ == Power::any
                         ? range / (span - 1)
                         : to_power_of_two(range, power_ == Power::next_of_two) / span,
            .lowest = constant(1 - span, w),
            .highest = constant(span - 1, w)};
  }
  at::Tensor bits() const override { return at::scalar_tensor(bits_, at::kFloat); }

 private:
  int bits_;
  bool per_channel_;
  Power power_;
};

/// A learned scale with the gradient of LSQ (arXiv:1902.08153): divided by sqrt(values * highest),
/// the number of weights or of features that share it.
at::Tensor learned_scale(const at::Tensor& scale, double values, double highest) {
  return straight_through(scale, scale / std::sqrt(values * highest)).abs().clamp_min(least_range);
}

/// LSQ's first scale.
template <class T>
T first_scale(const T& mean, double highest) {
  return mean * (2.0 / std::sqrt(highest));
}

/// LSQ of a weight, which starts from the values of its first forward pass.
class LearnedScaleQuantizer : public Quantizer {
 public:
  LearnedScaleQuantizer(int bits, bool per_channel, const Operand& operand)
      : bits_(bits), operand_(operand), initialised_(*this, "initialised") {
    const std::vector<std::int64_t> shape(per_channel ? 1 : 0, operand.channels);
    scale_ = register_parameter("scale", at::ones(shape));
  }

  Grid grid(const at::Tensor& w) override {
    const double span = std::ldexp(1.0, bits_ - 1);
    if (!initialised_) {
      const at::NoGradGuard no_grad;
      // In float64, so that the number of threads does not show after rounding.
      const at::Tensor mean = w.abs().mean(shared_axes(w, scale_.dim() > 0), false, at::kDouble);
      scale_.copy_(first_scale(mean, span - 1));
      initialised_.set(true);
    }
    const double values = static_cast<double>(w.numel()) / static_cast<double>(scale_.numel());
    return {.scale = spread(learned_scale(scale_, values, span - 1), w, operand_),
            .lowest = constant(-span, w),
            .highest = constant(span - 1, w)};
  }
  at::Tensor bits() const override { return at::scalar_tensor(bits_, at::kFloat); }

 private:
  int bits_;
  Operand operand_;
  at::Tensor scale_;  ///< [] or [channels]
  Flag initialised_;
};

enum class RangeMethod { absmax, ema, percentile, mse, lsq };

struct ActivationFormat {
  int bits;
  bool is_signed;
  bool asymmetric;
  Power power;
  RangeMethod method;
  double percent;

  double lowest() const { return is_signed ? -std::ldexp(1.0, bits - 1) : 0.0; }
  double highest() const { return std::ldexp(1.0, is_signed ? bits - 1 : bits) - 1.0; }
  /// Int8ActPerTensorFloat and Uint8ActPerTensorFloat of Brevitas, and their powers of two.
  double scale_of(double range) const {
    const double limit = std::max(range, least_range);
    return power == Power::any
               ? limit / (is_signed ? highest() + 1 : highest())
               : to_power_of_two(limit, power == Power::next_of_two) / (highest() + 1);
  }
};

RangeObserver::Keeps kept_for(RangeMethod method) {
  switch (method) {
    case RangeMethod::absmax:
      return RangeObserver::Keeps::maxima;
    case RangeMethod::ema:
      return RangeObserver::Keeps::averaged_maxima;
    default:
      return RangeObserver::Keeps::maxima_and_counts;
  }
}

/// Activations on a grid of their observed range. For lsq that is where the scale starts.
class ActivationQuantizer : public Quantizer {
 public:
  explicit ActivationQuantizer(const ActivationFormat& format)
      : format_(format),
        observer_(
            register_module("observer", std::make_shared<RangeObserver>(kept_for(format.method)))),
        fixed_(*this, "fixed"),
        scale_(format.method == RangeMethod::lsq ? register_parameter("scale", at::ones({}))
                                                 : register_buffer("scale", at::ones({}))) {
    if (format.asymmetric) {
      zero_point_ = register_buffer("zero_point", at::zeros({}));
    }
  }

  at::Tensor forward(const at::Tensor& x) override {
    if (observing_) {
      observer_->observe(format_.is_signed || format_.asymmetric ? x : x.clamp_min(0));
    }
    return fixed_ ? Quantizer::forward(x) : x;
  }
  bool has_range() const override { return static_cast<bool>(fixed_); }

  Grid grid(const at::Tensor& x) override {
    const double features =
        static_cast<double>(x.numel()) / static_cast<double>(std::max<std::int64_t>(1, x.size(0)));
    const at::Tensor scale = format_.method == RangeMethod::lsq
                                 ? learned_scale(scale_, features, format_.highest())
                                 : scale_;
    return {.scale = scale.to(x.scalar_type()),
            .lowest = constant(format_.lowest(), x),
            .highest = constant(format_.highest(), x),
            .zero_point = zero_point_.defined() ? zero_point_.to(x.scalar_type()) : at::Tensor()};
  }
  at::Tensor bits() const override { return at::scalar_tensor(format_.bits, at::kFloat); }

  void observe(bool on) override {
    observing_ = on;
    if (on && fixed_) {
      observer_->clear();
      fixed_.set(false);
    }
  }

  void merge(const RankMerge& ranks) override { observer_->merge(ranks); }

  void fix(const std::string& where) override {
    if (observer_->values() == 0) {
      throw InputError(fmt::format(
          "{}: its quantizer saw no activations to take a range from; calibrate it on data",
          where));
    }
    if (!std::isfinite(observer_->absmax())) {
      throw InputError(fmt::format(
          "{}: NaN or infinity among the activations its quantizer takes a range from", where));
    }
    const at::NoGradGuard no_grad;
    if (format_.asymmetric) {
      const double least = observer_->smallest();
      const double scale = std::max(observer_->largest() - least, least_range) /
                           (format_.highest() - format_.lowest());
      scale_.fill_(scale);
      zero_point_.fill_(std::clamp(std::nearbyint(format_.lowest() - least / scale),
                                   format_.lowest(), format_.highest()));
    } else {
      scale_.fill_(observed_scale());
    }
    fixed_.set(true);
    observing_ = false;
  }

 private:
  double observed_scale() const {
    switch (format_.method) {
      case RangeMethod::percentile:
        return format_.scale_of(observer_->percentile(format_.percent));
      case RangeMethod::mse:
        return format_.scale_of(observer_->least_error(
            [&](double range) { return format_.scale_of(range); }, format_.highest()));
      case RangeMethod::lsq:
        return std::max(first_scale(observer_->mean(), format_.highest()), least_range);
      default:
        return format_.scale_of(observer_->absmax());
    }
  }

  ActivationFormat format_;
  std::shared_ptr<RangeObserver> observer_;
  Flag fixed_;
  at::Tensor scale_;
  at::Tensor zero_point_;  ///< undefined if symmetric
  bool observing_ = false;
};

/// Ternary weight networks (arXiv:1605.04711, equations 5 and 6): weights beyond 0.7 of the mean
/// |w| keep their sign, times the mean |w| of those; the rest is 0.
class TernaryQuantizer : public Quantizer {
 public:
  Grid grid(const at::Tensor& w) override {
    // In float64, so that the number of threads does not show after rounding.
    const at::Tensor magnitude = w.detach().abs().to(at::kDouble);
    const at::Tensor threshold =
        (0.7 * magnitude.mean()).clamp_min(least_range).to(w.scalar_type());
    const at::Tensor beyond = w.detach().abs().gt(threshold);
    const at::Tensor scale = (magnitude * beyond).sum() / beyond.sum().clamp_min(1);
    return {.scale = scale.to(w.scalar_type()),
            .lowest = constant(-1.0, w),
            .highest = constant(1.0, w),
            .step = 2.0 * threshold,  // halves go to 0
            .rounding = Rounding::rnd_zero,
            .straight_through = true};
  }
  at::Tensor bits() const override { return at::scalar_tensor(std::log2(3.0), at::kFloat); }
};

Power power_of(QuantizerSpec& spec) {
  if (spec.word("po2-ceil")) {
    return Power::next_of_two;
  }
  return spec.word("po2") ? Power::nearest_of_two : Power::any;
}

std::shared_ptr<Quantizer> make_activation(QuantizerSpec& spec, bool is_signed) {
  ActivationFormat format{.bits = spec.bits(is_signed ? 2 : 1, most_bits - 1),
                          .is_signed = is_signed,
                          .asymmetric = spec.word("asymmetric"),
                          .power = power_of(spec),
                          .method = RangeMethod::absmax,
                          .percent = 99.999};
  if (spec.word("ema")) {
    format.method = RangeMethod::ema;
  } else if (spec.word("percentile")) {
    format.method = RangeMethod::percentile;
    if (const auto text = spec.argument("percent")) {
      format.percent = spec.number("percent", *text);
    }
    if (!(format.percent > 0.0 && format.percent <= 100.0)) {
      spec.fail("the percentile must be above 0 and at most 100");
    }
  } else if (spec.word("mse")) {
    format.method = RangeMethod::mse;
  } else if (spec.word("lsq")) {
    format.method = RangeMethod::lsq;
  } else {
    spec.word("absmax");
  }
  if (format.asymmetric && (format.power != Power::any ||
                            kept_for(format.method) == RangeObserver::Keeps::maxima_and_counts)) {
    spec.fail("asymmetric goes with absmax or ema, and with any scale");
  }
  if (format.method == RangeMethod::lsq && format.power != Power::any) {
    spec.fail("a learned scale is no power of two");
  }
  return std::make_shared<ActivationQuantizer>(format);
}

}  // namespace

std::shared_ptr<Quantizer> make_integer(QuantizerSpec& spec, const Operand& operand) {
  if (!operand.is_weight) {
    return make_activation(spec, /*is_signed=*/true);
  }
  const int bits = spec.bits(2, most_bits);
  const bool per_channel = spec.word("per-channel");
  if (spec.word("lsq")) {
    return std::make_shared<LearnedScaleQuantizer>(bits, per_channel, operand);
  }
  return std::make_shared<IntegerWeightQuantizer>(bits, per_channel, power_of(spec));
}

std::shared_ptr<Quantizer> make_unsigned_integer(QuantizerSpec& spec, const Operand& operand) {
  if (operand.is_weight) {
    spec.fail("weights have signs; take int");
  }
  return make_activation(spec, /*is_signed=*/false);
}

std::shared_ptr<Quantizer> make_ternary(QuantizerSpec& spec, const Operand& operand) {
  if (!operand.is_weight) {
    spec.fail("it is for weights: its scale is of their values");
  }
  return std::make_shared<TernaryQuantizer>();
}

}  // namespace eebench::nn::quantization
