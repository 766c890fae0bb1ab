// Included once per instruction set: the guard is Highway's, not #pragma once.
#if defined(EEBENCH_NN_CPU_ACTIVATION_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef EEBENCH_NN_CPU_ACTIVATION_INL
#undef EEBENCH_NN_CPU_ACTIVATION_INL
#else
#define EEBENCH_NN_CPU_ACTIVATION_INL
#endif

#include <cstddef>

#include <hwy/highway.h>

#include "eebench/nn/activation.hpp"
#include "eebench/nn/cpu/gelu-inl.hpp"
#include "eebench/nn/cpu/partial-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace eebench::nn::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// What a block of a layer has written: `columns` outputs of some rows, `stride` apart.
struct Outputs {
  float* y;
  std::size_t rows;
  std::size_t columns;
  std::size_t stride;
};

template <class F>
HWY_INLINE void transform(const Outputs& outputs, const F& f) {
  const hn::ScalableTag<float> d;
  for (std::size_t r = 0; r < outputs.rows; ++r) {
    float* row = outputs.y + r * outputs.stride;
    for (std::size_t c = 0; c < outputs.columns; c += hn::Lanes(d)) {
      const std::size_t count = outputs.columns - c;
      store_up_to(d, f(load_up_to(d, row + c, count)), row + c, count);
    }
  }
}

HWY_INLINE void activate(const Outputs& outputs, Activation activation) {
  using D = hn::ScalableTag<float>;
  using V = hn::Vec<D>;
  if (activation == Activation::gelu) {
    transform(outputs, [](V x) HWY_ATTR { return gelu(D(), x); });
  } else if (activation == Activation::relu) {
    transform(outputs, [](V x) HWY_ATTR { return hn::Max(x, hn::Zero(D())); });
  } else if (activation == Activation::leaky_relu) {
    transform(outputs, [](V x) HWY_ATTR {
      return hn::Max(x, hn::Mul(x, hn::Set(D(), static_cast<float>(leaky_slope))));
    });
  }
}

}  // namespace eebench::nn::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
