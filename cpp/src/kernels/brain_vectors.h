// bfloat16, the upper half of a float32 (half.h), in vectors.
#pragma once

#include <cstdint>
#include <cstring>

#include "kernels/simd.h"

namespace addax::kernels::ADDAX_ISA_NS {

typedef std::uint16_t BrainBits __attribute__((vector_size(2 * kLanes<float>)));
typedef std::uint32_t FloatBits __attribute__((vector_size(4 * kLanes<float>)));

ADDAX_INLINE VecF to_float_lanes(BrainBits halves) {
  const FloatBits bits = __builtin_convertvector(halves, FloatBits) << 16;
  VecF v;
  std::memcpy(&v, &bits, sizeof v);
  return v;
}

// to_brain_half, lane by lane.
ADDAX_INLINE BrainBits to_brain_bits(VecF x) {
  FloatBits bits;
  std::memcpy(&bits, &x, sizeof bits);
  const FloatBits nan = bits >> 16 | 0x40, nearest = (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
  return __builtin_convertvector((bits & 0x7fffffffu) > 0x7f800000u ? nan : nearest, BrainBits);
}

}  // namespace addax::kernels::ADDAX_ISA_NS
