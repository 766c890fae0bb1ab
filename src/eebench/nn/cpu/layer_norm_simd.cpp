#include "eebench/nn/cpu/layer_norm_simd.hpp"

#include <cmath>
#include <cstddef>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "eebench/nn/cpu/layer_norm_simd.cpp"
#include <hwy/foreach_target.h>
//
#include <hwy/highway.h>
//
#include "eebench/nn/cpu/partial-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace eebench::nn::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

void layer_norm(const LayerNormRows& norm) {
  const hn::ScalableTag<float> d;
  const std::size_t lanes = hn::Lanes(d);
  const auto channels = static_cast<std::size_t>(norm.channels);
  const float inverse = 1.0F / static_cast<float>(channels);
  for (std::size_t r = 0; r < static_cast<std::size_t>(norm.rows); ++r) {
    const float* x = norm.x + r * channels;
    float* y = norm.y + r * channels;
    auto sum = hn::Zero(d);
    for (std::size_t c = 0; c < channels; c += lanes) {
      sum = hn::Add(sum, load_up_to(d, x + c, channels - c));
    }
    const auto mean = hn::Mul(hn::SumOfLanes(d, sum), hn::Set(d, inverse));
    auto squares = hn::Zero(d);
    for (std::size_t c = 0; c < channels; c += lanes) {
      auto deviation = hn::Sub(load_up_to(d, x + c, channels - c), mean);
      if (channels - c < lanes) {
        deviation = hn::IfThenElseZero(hn::FirstN(d, channels - c), deviation);
      }
      squares = hn::MulAdd(deviation, deviation, squares);
    }
    const float variance = hn::GetLane(hn::SumOfLanes(d, squares)) * inverse;
    const auto factor = hn::Set(d, 1.0F / std::sqrt(variance + norm.eps));
    for (std::size_t c = 0; c < channels; c += lanes) {
      const std::size_t here = channels - c;
      const auto unit = hn::Mul(hn::Sub(load_up_to(d, x + c, here), mean), factor);
      const auto value = hn::MulAdd(unit, load_up_to(d, norm.scale + c, here),
                                    load_up_to(d, norm.shift + c, here));
      store_up_to(d, value, y + c, here);
    }
  }
}

}  // namespace eebench::nn::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace eebench::nn::cpu {

HWY_EXPORT(layer_norm);

void layer_norm(const LayerNormRows& norm) { HWY_DYNAMIC_DISPATCH(layer_norm)(norm); }

}  // namespace eebench::nn::cpu
#endif
