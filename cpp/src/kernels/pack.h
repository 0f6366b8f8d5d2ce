// Copies of matrix blocks in the order in which the microkernel reads them.
#pragma once

#include <cstdint>
#include <utility>

#include "kernels/simd.h"

namespace addax::kernels::ADDAX_ISA_NS {

// Lanes of two vectors in which blocks of S lanes have been swapped across: the low or the high vector of the two
// results.
template <int S, bool high, class V, int... I>
ADDAX_INLINE V swap_blocks(V a, V b, std::integer_sequence<int, I...>) {
  constexpr int W = sizeof...(I);
  if constexpr (high) {
    return __builtin_shufflevector(a, b, ((I & S) ? W + I : I + S)...);
  } else {
    return __builtin_shufflevector(a, b, ((I & S) ? W + I - S : I)...);
  }
}

// Transposes a square of vectors in registers: log2(lanes) rounds that swap ever larger off-diagonal blocks.
template <class T, int S = 1>
ADDAX_INLINE void transpose_square(Vec<T> (&r)[kLanes<T>]) {
  constexpr int W = kLanes<T>;
  if constexpr (S < W) {
    constexpr std::make_integer_sequence<int, W> lanes{};
#pragma GCC unroll 32
    for (int i = 0; i < W; ++i) {
      if (i & S) continue;
      const Vec<T> a = r[i], b = r[i + S];
      r[i] = swap_blocks<S, false>(a, b, lanes);
      r[i + S] = swap_blocks<S, true>(a, b, lanes);
    }
    transpose_square<T, 2 * S>(r);
  }
}

// out[j · out_stride + i] = in[i · in_stride + j] for i < rows, j < columns. May write up to a vector beyond the last
// element of each row of `out`; rows of `out` are written in ascending order.
template <class T>
void transpose_into(const T* in, std::int64_t in_stride, T* out, std::int64_t out_stride, std::int64_t rows,
                    std::int64_t columns) {
  constexpr int W = kLanes<T>;
  // Column blocks outermost: a later row of `out` overwrites what an earlier one spilled into it.
  for (std::int64_t j = 0; j < columns; j += W) {
    const std::int64_t width = columns - j < W ? columns - j : W;
    Vec<T> r[W];
    std::int64_t i = 0;
    if (rows <= W) {
      for (int u = 0; u < W; ++u) {
        if (u >= rows) {
          r[u] = Vec<T>{};
        } else {
          r[u] = width == W ? load(in + u * in_stride + j) : load_partial(in + u * in_stride + j, width);
        }
      }
      transpose_square<T>(r);
      for (int u = 0; u < W; ++u) {
        if (u < width) store(out + (j + u) * out_stride, r[u]);
      }
      continue;
    }
    for (; i < rows; i += W) {
      const std::int64_t height = rows - i < W ? rows - i : W;
      for (int u = 0; u < W; ++u) {
        if (u >= height) {
          r[u] = Vec<T>{};
        } else {
          r[u] = width == W ? load(in + (i + u) * in_stride + j) : load_partial(in + (i + u) * in_stride + j, width);
        }
      }
      transpose_square<T>(r);
      for (int u = 0; u < W; ++u) {
        if (u >= width) break;
        T* at = out + (j + u) * out_stride + i;
        if (height == W) {
          store(at, r[u]);
        } else {
          store_partial(at, r[u], height);
        }
      }
    }
  }
}

// A panel of B: out[p · width + j] = B(p, j) for p < k, j < columns ≤ width, zeros up to width (a multiple of the
// vector). B(p, j) is at b[p · stride + j], or at b[j · stride + p] if transposed.
template <class T>
void pack_panel(const T* b, std::int64_t stride, bool transposed, T* out, std::int64_t width, std::int64_t k,
                std::int64_t columns) {
  constexpr int W = kLanes<T>;
  if (!transposed) {
    const std::int64_t whole = columns / W, rest = columns % W;
    for (std::int64_t p = 0; p < k; ++p) {
      const T* row = b + p * stride;
      T* to = out + p * width;
      std::int64_t v = 0;
      for (; v < whole; ++v) store(to + v * W, load(row + v * W));
      if (rest != 0) store(to + v++ * W, load_partial(row + whole * W, rest));
      for (; v * W < width; ++v) store(to + v * W, Vec<T>{});
    }
    return;
  }
  for (std::int64_t p = 0; p < k; p += W) {
    const std::int64_t height = k - p < W ? k - p : W;
    for (std::int64_t j = 0; j < width; j += W) {
      Vec<T> r[W];
      for (int u = 0; u < W; ++u) {
        const T* row = b + (j + u) * stride + p;
        if (j + u >= columns) {
          r[u] = Vec<T>{};
        } else {
          r[u] = height == W ? load(row) : load_partial(row, height);
        }
      }
      transpose_square<T>(r);
      for (int u = 0; u < W; ++u) {
        if (u < height) store(out + (p + u) * width + j, r[u]);
      }
    }
  }
}

// A block of `rows` rows of A for Rows::adjacent: out[p · rows + i] = A(i, p) for p < k. A(i, p) is at a[i · stride +
// p], or at a[p · stride + i] if transposed. May write up to a vector beyond out[k · rows].
template <class T>
void pack_rows(const T* a, std::int64_t stride, bool transposed, T* out, std::int64_t rows, std::int64_t k) {
  constexpr int W = kLanes<T>;
  if (!transposed) {
    transpose_into(a, stride, out, rows, rows, k);
    return;
  }
  if (rows <= W) {
    for (std::int64_t p = 0; p < k; ++p) store(out + p * rows, load_partial(a + p * stride, rows));
    return;
  }
  for (std::int64_t p = 0; p < k; ++p) {
    for (std::int64_t i = 0; i < rows; ++i) out[p * rows + i] = a[p * stride + i];
  }
}

}  // namespace addax::kernels::ADDAX_ISA_NS
