// Included once per instruction set: the guard is Highway's, not #pragma once.
#if defined(EEBENCH_NN_CPU_CHANNELS_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef EEBENCH_NN_CPU_CHANNELS_INL
#undef EEBENCH_NN_CPU_CHANNELS_INL
#else
#define EEBENCH_NN_CPU_CHANNELS_INL
#endif

#include <cstdint>

#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace eebench::nn::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// Calls f(tag, c) for whole vectors of channels, then for the single ones left over.
template <class F>
void for_channels(std::int64_t channels, F f) {
  const hn::ScalableTag<float> d;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  std::int64_t c = 0;
  for (; c + lanes <= channels; c += lanes) {
    f(d, c);
  }
  for (; c < channels; ++c) {
    f(hn::CappedTag<float, 1>(), c);
  }
}

}  // namespace eebench::nn::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
