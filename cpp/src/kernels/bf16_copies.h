// Copies of bfloat16 in float32 and back, where a kernel computes by float32's.
#pragma once

#include <cstdint>

#include "base/parallel.h"
#include "kernels/half.h"

namespace addax::kernels::ADDAX_ISA_NS {

inline constexpr std::int64_t kCopyGrain = std::int64_t{1} << 16;

inline void widen(const BrainHalf* from, std::int64_t n, float* to) {
  parallel_for(n, kCopyGrain, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t i = first; i < last; ++i) to[i] = to_float(from[i]);
  });
}

inline void narrow(const float* from, std::int64_t n, BrainHalf* to) {
  parallel_for(n, kCopyGrain, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t i = first; i < last; ++i) to[i] = to_brain_half(from[i]);
  });
}

}  // namespace addax::kernels::ADDAX_ISA_NS
