// Panels of pairs for bf16_tile.h, and the rounding of its sums.
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/bf16_tile.h"
#include "kernels/brain_vectors.h"
#include "kernels/epilogue.h"
#include "kernels/half.h"
#include "kernels/pack.h"

#if defined(ADDAX_BF16_NATIVE)

namespace addax::kernels::ADDAX_ISA_NS {

// Pair p of k contiguous elements, a zero behind an odd last one.
inline std::uint32_t pair_at(const BrainHalf* x, std::int64_t p, std::int64_t k) {
  const std::uint32_t low = x[2 * p].bits;
  return low | (2 * p + 1 < k ? std::uint32_t{x[2 * p + 1].bits} << 16 : 0);
}

// 16 values, or fewer and zeros, as whole numbers.
ADDAX_INLINE FloatBits wide(const BrainHalf* x, std::int64_t lanes) {
  BrainBits bits{};
  if (lanes == 16) {
    __builtin_memcpy(&bits, x, sizeof bits);
  } else {
    for (std::int64_t i = 0; i < lanes; ++i) bits[i] = x[i].bits;
  }
  return __builtin_convertvector(bits, FloatBits);
}

// A panel of B: B(2p, j) and B(2p + 1, j) side by side for 2p < k and j < columns ≤ kPairColumns, zero where k or the
// columns end. B(p, j) is at b[p · stride + j], or at b[j · stride + p] if transposed.
inline void pack_pairs(const BrainHalf* b, std::int64_t stride, bool transposed, std::int64_t k, std::int64_t columns,
                       std::uint32_t* out) {
  const std::int64_t pairs = (k + 1) / 2;
  if (transposed) {
    if (k % 2 == 0 && stride % 2 == 0 && reinterpret_cast<std::uintptr_t>(b) % sizeof(float) == 0) {
      // Pairs lie side by side already: a panel of them is a panel of floats, moved, never computed with.
      pack_panel(reinterpret_cast<const float*>(b), stride / 2, true, reinterpret_cast<float*>(out), kPairColumns,
                 pairs, columns);
      return;
    }
    for (std::int64_t j = 0; j < kPairColumns; ++j) {
      for (std::int64_t p = 0; p < pairs; ++p)
        out[p * kPairColumns + j] = j < columns ? pair_at(b + j * stride, p, k) : 0;
    }
    return;
  }
  for (std::int64_t p = 0; p < pairs; ++p) {
    const BrainHalf* low = b + 2 * p * stride;
    const BrainHalf* high = 2 * p + 1 < k ? low + stride : nullptr;
    std::uint32_t* to = out + p * kPairColumns;
    std::int64_t j = 0;
    for (; j < columns; j += 16) {
      const std::int64_t lanes = std::min<std::int64_t>(16, columns - j);
      FloatBits pair = wide(low + j, lanes);
      if (high != nullptr) pair |= wide(high + j, lanes) << 16;
      __builtin_memcpy(to + j, &pair, sizeof pair);
    }
    std::fill(to + j, to + kPairColumns, 0u);
  }
}

// Rows of sums, kPairColumns apart, with the bias (one value a column, or null) and the activation, as rows of C.
inline void round_rows(const float* sums, std::int64_t rows, std::int64_t columns, const float* bias,
                       Activation activation, BrainHalf* c, std::int64_t ldc) {
  for (std::int64_t j = 0; j < columns; j += 16) {
    const std::int64_t lanes = std::min<std::int64_t>(16, columns - j);
    const VecF add = bias == nullptr ? VecF{} : load_partial(bias + j, lanes);
    for (std::int64_t i = 0; i < rows; ++i) {
      VecF x = load(sums + i * kPairColumns + j);
      if (bias != nullptr) x += add;
      const BrainBits halves = to_brain_bits(activate(x, activation));
      BrainHalf* const to = c + i * ldc + j;
      if (lanes == 16) {
        __builtin_memcpy(to, &halves, sizeof halves);
      } else {
        for (std::int64_t u = 0; u < lanes; ++u) to[u].bits = halves[u];
      }
    }
  }
}

}  // namespace addax::kernels::ADDAX_ISA_NS
#endif
