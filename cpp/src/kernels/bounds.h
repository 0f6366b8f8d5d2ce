// Activations as bounds: no branch where there are many vectors, and one instruction for each of the two.
#pragma once

#include <limits>

#include "kernels/activation.h"
#include "kernels/simd.h"

namespace addax::kernels::ADDAX_ISA_NS {

// x with a bound below or above; NaN stays.
template <class V>
ADDAX_INLINE V at_least(V x, V bound) {
#if defined(__AVX512F__)
  if constexpr (sizeof(Lane<V>) == 4) return (V)_mm512_maskz_max_ps(0xffff, (__m512)bound, (__m512)x);
#endif
  return bound > x ? bound : x;
}
template <class V>
ADDAX_INLINE V at_most(V x, V bound) {
#if defined(__AVX512F__)
  if constexpr (sizeof(Lane<V>) == 4) return (V)_mm512_maskz_min_ps(0xffff, (__m512)bound, (__m512)x);
#endif
  return bound < x ? bound : x;
}

// Those of no activation lie at infinity.
template <class V>
struct Bounds {
  V least, most;
  explicit ADDAX_INLINE Bounds(Activation activation) {
    constexpr Lane<V> kInfinity = std::numeric_limits<Lane<V>>::infinity();
    least = splat(activation == Activation::none ? -kInfinity : Lane<V>{0});
    most = splat(activation == Activation::relu6 ? Lane<V>{6} : kInfinity);
  }
  ADDAX_INLINE V operator()(V x) const { return at_most(at_least(x, least), most); }
};

}  // namespace addax::kernels::ADDAX_ISA_NS
