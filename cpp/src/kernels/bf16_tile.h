// The microkernel of bfloat16: a lane is a pair of neighbours along k, and one instruction adds both products to a
// float32 sum. Only for machines that have it, so it stands apart from microkernel.h and its vectors.
#pragma once

#include <array>
#include <cstdint>
#include <utility>

#include "kernels/simd.h"

#if defined(__AVX512F__)
#define ADDAX_BF16_NATIVE 1

namespace addax::kernels::ADDAX_ISA_NS {

// Pairs side by side, in the image or matrix A and in the panel B. A product is one run, a convolution has one per
// kernel row.
struct PairRun {
  std::int64_t a;  // bytes from PairTile::a
  std::int64_t b;  // pairs of the panel before it
  std::int64_t pairs;
};

struct PairTile {
  const char* a;            // the first pair of the first row
  std::int64_t row_stride;  // bytes
  std::int64_t step;        // bytes from one pair of a row to the next
  const std::uint32_t* b;   // a panel: pair p of column j at b[p · kPairColumns + j]
  const PairRun* runs;
  std::int64_t run_count;
  float* c;  // rows kPairColumns apart
  bool accumulate;
};

inline constexpr int kPairRows = 9, kPairVectors = 3;
inline constexpr int kPairColumns = 16 * kPairVectors;

// 9 rows by 3 vectors as in float32: the rows need no copy, 27 sums hide the latency of 6 cycles.
template <int MR, int NV>
__attribute__((target("avx512bf16"))) void pair_tile(const PairTile& t) {
  __m512 acc[MR][NV];
#pragma GCC unroll 9
  for (int i = 0; i < MR; ++i) {
#pragma GCC unroll 3
    for (int v = 0; v < NV; ++v) acc[i][v] = _mm512_setzero_ps();
  }
  constexpr int kGroups = (MR + 2) / 3;
  for (std::int64_t r = 0; r < t.run_count; ++r) {
    const PairRun run = t.runs[r];
    const char* p[kGroups];
#pragma GCC unroll 3
    for (int g = 0; g < kGroups; ++g) p[g] = t.a + run.a + 3 * g * t.row_stride;
    const std::uint32_t* b = t.b + run.b * kPairColumns;
    for (std::int64_t n = 0; n < run.pairs; ++n) {
      __m512bh bv[NV];
#pragma GCC unroll 3
      for (int v = 0; v < NV; ++v) bv[v] = (__m512bh)_mm512_loadu_si512(b + 16 * v);
#pragma GCC unroll 9
      for (int i = 0; i < MR; ++i) {
        std::int32_t pair;
        __builtin_memcpy(&pair, p[i / 3] + (i % 3) * t.row_stride, sizeof pair);
        const __m512bh av = (__m512bh)_mm512_set1_epi32(pair);
#pragma GCC unroll 3
        for (int v = 0; v < NV; ++v) acc[i][v] = _mm512_dpbf16_ps(acc[i][v], av, bv[v]);
      }
      b += kPairColumns;
#pragma GCC unroll 3
      for (int g = 0; g < kGroups; ++g) {
        p[g] += t.step;
        asm("" : "+r"(p[g]));  // or the compiler keeps a pointer per row and spills
      }
    }
  }
#pragma GCC unroll 9
  for (int i = 0; i < MR; ++i) {
#pragma GCC unroll 3
    for (int v = 0; v < NV; ++v) {
      float* const at = t.c + i * kPairColumns + 16 * v;
      if (t.accumulate) acc[i][v] = _mm512_add_ps(acc[i][v], _mm512_loadu_ps(at));
      _mm512_storeu_ps(at, acc[i][v]);
    }
  }
}

template <int NV, int... I>
constexpr std::array<void (*)(const PairTile&), kPairRows> pair_tiles(std::integer_sequence<int, I...>) {
  return {&pair_tile<I + 1, NV>...};
}

// 1 ≤ rows ≤ kPairRows, 1 ≤ vectors ≤ kPairVectors.
inline void run_pair_tile(int rows, int vectors, const PairTile& t) {
  constexpr auto kAll = std::make_integer_sequence<int, kPairRows>{};
  static constexpr std::array<void (*)(const PairTile&), kPairRows> kTiles[kPairVectors] = {
      pair_tiles<1>(kAll), pair_tiles<2>(kAll), pair_tiles<3>(kAll)};
  kTiles[vectors - 1][static_cast<std::size_t>(rows - 1)](t);
}

}  // namespace addax::kernels::ADDAX_ISA_NS
#endif
