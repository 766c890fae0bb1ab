#include "eebench/nn/cpu/power_simd.hpp"

#include <cstddef>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "eebench/nn/cpu/power_simd.cpp"
#include <hwy/foreach_target.h>
//
#include <hwy/contrib/math/math-inl.h>
#include <hwy/highway.h>
//
#include "eebench/nn/cpu/partial-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace eebench::nn::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

void signed_power(const SignedPower& power) {
  const hn::ScalableTag<float> d;
  const auto channels = static_cast<std::size_t>(power.channels);
  for (std::int64_t row = 0; row < power.rows; ++row) {
    const float* x = power.x + row * power.channels;
    float* y = power.y + row * power.channels;
    for (std::size_t c = 0; c < channels; c += hn::Lanes(d)) {
      const auto value = load_up_to(d, x + c, channels - c);
      // Behind the last channel g is 1: nothing divides by 0.
      const auto g =
          c + hn::Lanes(d) <= channels
              ? hn::LoadU(d, power.exponents + c)
              : hn::IfThenElse(hn::FirstN(d, channels - c),
                               load_up_to(d, power.exponents + c, channels - c), hn::Set(d, 1.0F));
      const auto grown = hn::Expm1(d, hn::Mul(g, hn::Log1p(d, hn::Abs(value))));
      store_up_to(d, hn::CopySign(hn::Div(grown, g), value), y + c, channels - c);
    }
  }
}

}  // namespace eebench::nn::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace eebench::nn::cpu {

HWY_EXPORT(signed_power);

void signed_power(const SignedPower& power) { HWY_DYNAMIC_DISPATCH(signed_power)(power); }

}  // namespace eebench::nn::cpu
#endif
