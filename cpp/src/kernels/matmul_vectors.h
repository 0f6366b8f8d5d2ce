// A vector times a matrix: there is no block of C to keep, so the reading of the matrix is all there is.
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/simd.h"

namespace addax::kernels::ADDAX_ISA_NS {

// Elements of a sum that are added up in float32 before they go into a wider total: long sums stay exact.
inline constexpr std::int64_t kDotBlock = 4096;

// Adds the sums in pairs and returns the total.
template <class V, int N>
ADDAX_INLINE V total_of(V (&sum)[N]) {
#pragma GCC unroll 8
  for (int half = N / 2; half > 0; half /= 2) {
#pragma GCC unroll 8
    for (int u = 0; u < half; ++u) sum[u] += sum[u + half];
  }
  return sum[0];
}

// The last columns, fewer than a vector: all of k in registers.
template <class T>
void combine_tail(const T* x, const T* m, std::int64_t stride, std::int64_t k, T* y, std::int64_t lanes,
                  bool accumulate) {
  constexpr int kSums = 8;
  Vec<T> sum[kSums] = {};
  std::int64_t p = 0;
  for (; p + kSums <= k; p += kSums) {
#pragma GCC unroll 8
    for (int u = 0; u < kSums; ++u) sum[u] += x[p + u] * load_partial(m + (p + u) * stride, lanes);
  }
  for (; p < k; ++p) sum[0] += x[p] * load_partial(m + p * stride, lanes);
  Vec<T> total = total_of(sum);
  if (accumulate) total += load_partial(y, lanes);
  store_partial(y, total, lanes);
}

// y = Σ_k x[k] · M[k][·] over n columns, row k of M at m + k · stride; added to y if `accumulate`.
template <class T>
void combine_rows(const T* x, const T* m, std::int64_t stride, std::int64_t k, T* y, std::int64_t n, bool accumulate) {
  constexpr int W = kLanes<T>;
  constexpr int kRows = 8;  // streams a prefetcher follows, and an 8th of the traffic to y
  const std::int64_t whole = n / W * W;
  if (!accumulate) std::fill(y, y + whole, T{0});
  std::int64_t p = 0;
  for (; p + kRows <= k; p += kRows) {
    const T* row = m + p * stride;
    Vec<T> factor[kRows];
    for (int u = 0; u < kRows; ++u) factor[u] = splat(x[p + u]);
    for (std::int64_t j = 0; j < whole; j += W) {
      Vec<T> even = load(y + j), odd{};
#pragma GCC unroll 8
      for (int u = 0; u < kRows; u += 2) {
        even += factor[u] * load(row + u * stride + j);
        odd += factor[u + 1] * load(row + (u + 1) * stride + j);
      }
      store(y + j, even + odd);
    }
  }
  for (; p < k; ++p) {
    const Vec<T> factor = splat(x[p]);
    for (std::int64_t j = 0; j < whole; j += W) store(y + j, load(y + j) + factor * load(m + p * stride + j));
  }
  if (whole < n) combine_tail(x, m + whole, stride, k, y + whole, n - whole, accumulate);
}

// sum[r] += Σ_k x[k] · M[r][k] for k < `k`.
template <class T, int kRows>
ADDAX_INLINE void dot_block(const T* x, const T* m, std::int64_t stride, std::int64_t k, double (&sum)[kRows]) {
  constexpr int W = kLanes<T>;
  Vec<T> even[kRows] = {}, odd[kRows] = {};
  std::int64_t p = 0;
  for (; p + 2 * W <= k; p += 2 * W) {
    const Vec<T> x0 = load(x + p), x1 = load(x + p + W);
#pragma GCC unroll 4
    for (int r = 0; r < kRows; ++r) {
      even[r] += x0 * load(m + r * stride + p);
      odd[r] += x1 * load(m + r * stride + p + W);
    }
  }
  for (; p < k; p += W) {
    const std::int64_t lanes = std::min<std::int64_t>(W, k - p);
    const Vec<T> tail = load_partial(x + p, lanes);
#pragma GCC unroll 4
    for (int r = 0; r < kRows; ++r) even[r] += tail * load_partial(m + r * stride + p, lanes);
  }
#pragma GCC unroll 4
  for (int r = 0; r < kRows; ++r) sum[r] += static_cast<double>(reduce_add(even[r] + odd[r]));
}

template <class T, int kRows>
ADDAX_INLINE void dot_some(const T* x, const T* m, std::int64_t stride, std::int64_t k, T* y, bool accumulate) {
  double sum[kRows] = {};
  for (std::int64_t p = 0; p < k; p += kDotBlock) dot_block<T>(x + p, m + p, stride, std::min(kDotBlock, k - p), sum);
#pragma GCC unroll 4
  for (int r = 0; r < kRows; ++r) y[r] = static_cast<T>(accumulate ? sum[r] + static_cast<double>(y[r]) : sum[r]);
}

// y[i] = Σ_k x[k] · M[i][k] for i < n; added to y if `accumulate`.
template <class T>
void dot_rows(const T* x, const T* m, std::int64_t stride, std::int64_t k, T* y, std::int64_t n, bool accumulate) {
  std::int64_t i = 0;
  for (; i + 4 <= n; i += 4) dot_some<T, 4>(x, m + i * stride, stride, k, y + i, accumulate);
  for (; i < n; ++i) dot_some<T, 1>(x, m + i * stride, stride, k, y + i, accumulate);
}

// y = Σ_k x[k] · P[k][·] for a packed panel of NV vectors, rows `width` apart: a single stream through memory, with
// enough sums to hide the latency of an addition.
template <class T, int NV>
ADDAX_INLINE void combine_panel(const T* x, const T* panel, std::int64_t width, std::int64_t k, T* y,
                                std::int64_t columns, bool accumulate) {
  constexpr int W = kLanes<T>;
  constexpr int kSums = 4;
  Vec<T> sum[NV][kSums] = {};
  std::int64_t p = 0;
  for (; p + kSums <= k; p += kSums) {
#pragma GCC unroll 4
    for (int u = 0; u < kSums; ++u) {
      const Vec<T> factor = splat(x[p + u]);
#pragma GCC unroll 4
      for (int v = 0; v < NV; ++v) sum[v][u] += factor * load(panel + (p + u) * width + v * W);
    }
  }
  for (; p < k; ++p) {
    const Vec<T> factor = splat(x[p]);
#pragma GCC unroll 4
    for (int v = 0; v < NV; ++v) sum[v][0] += factor * load(panel + p * width + v * W);
  }
#pragma GCC unroll 4
  for (int v = 0; v < NV; ++v) {
    const std::int64_t lanes = std::min<std::int64_t>(W, columns - v * W);
    Vec<T> total = total_of(sum[v]);
    if (accumulate) total += load_partial(y + v * W, lanes);
    store_partial(y + v * W, total, lanes);
  }
}

}  // namespace addax::kernels::ADDAX_ISA_NS
