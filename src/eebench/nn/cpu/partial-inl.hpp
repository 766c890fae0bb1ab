// Included once per instruction set: the guard is Highway's, not #pragma once.
#if defined(EEBENCH_NN_CPU_PARTIAL_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef EEBENCH_NN_CPU_PARTIAL_INL
#undef EEBENCH_NN_CPU_PARTIAL_INL
#else
#define EEBENCH_NN_CPU_PARTIAL_INL
#endif

#include <cstddef>

#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace eebench::nn::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// The first `count` values from `from`, zeros behind them; a whole vector where count allows it.
template <class D>
HWY_INLINE hn::Vec<D> load_up_to(D d, const float* from, std::size_t count) {
  if (count >= hn::Lanes(d)) {
    return hn::LoadU(d, from);
  }
  if constexpr (HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX2) {
    return hn::MaskedLoad(hn::FirstN(d, count), d, from);
  }
  // Elsewhere a masked load may read, and fault, behind the values.
  HWY_ALIGN float padded[HWY_MAX_BYTES / sizeof(float)] = {};
  for (std::size_t i = 0; i < count; ++i) {
    padded[i] = from[i];
  }
  return hn::Load(d, padded);
}

/// Stores the first `count` lanes and touches nothing behind them.
template <class D>
HWY_INLINE void store_up_to(D d, hn::Vec<D> v, float* to, std::size_t count) {
  if (count >= hn::Lanes(d)) {
    hn::StoreU(v, d, to);
  } else {
    hn::BlendedStore(v, hn::FirstN(d, count), d, to);
  }
}

}  // namespace eebench::nn::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
