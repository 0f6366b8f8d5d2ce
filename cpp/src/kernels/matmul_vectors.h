// A vector times a matrix: there is no block of C to keep, so the reading of the matrix is all there is.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/parallel.h"
#include "kernels/epilogue.h"
#include "kernels/matmul_layout.h"
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

// ---- Products by vectors.

// m or n is 1, or few rows meet a transposed B, whose packing would cost more than the product. The vectors themselves
// must be contiguous.
template <class T>
bool by_vectors(const Matmul<T>& job) {
  const bool row_a = !job.transpose_a || (job.m == 1 && lda_of(job) == 1);
  if (job.packed_b) return job.m == 1 && row_a;
  if (job.n == 1 && job.m > 1) return row_a && ldc_of(job) == 1 && (job.transpose_b || ldb_of(job) == 1);
  return row_a && (job.m == 1 || (job.transpose_b && job.m < 8));
}

// Multiplications of a task of a product by vectors: some 5 µs of reading the matrix.
inline constexpr std::int64_t kVectorTask = 96 << 10;

// How many results each task computes, of `count` that cost `work` together: a multiple of `step`, and an even number
// of tasks.
inline std::int64_t vector_grain(std::int64_t count, std::int64_t work, std::int64_t step) {
  const std::int64_t pieces = work < 2 * kVectorTask ? 1 : work / kVectorTask / 2 * 2;
  return ceil_div(ceil_div(count, pieces), step) * step;
}

// Calls body(item, batch index, first, count) for pieces of the `count` results of each batch item, which cost `work`.
template <class T, class Body>
void in_pieces(const Matmul<T>& job, std::int64_t count, std::int64_t work, std::int64_t step, const Body& body) {
  const std::int64_t grain = vector_grain(count, work, step), pieces = ceil_div(count, grain);
  const std::int64_t several = std::max<std::int64_t>(1, kVectorTask / std::max<std::int64_t>(1, work / pieces));
  parallel_for(batch_count(job) * pieces, several, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t t = first; t < last; ++t) {
      const std::int64_t begin = t % pieces * grain;
      body(Item<T>(job, t / pieces), t / pieces, begin, std::min(grain, count - begin));
    }
  });
}

// C is a column: a dot product per row of A.
template <class T>
void run_column(const Matmul<T>& job) {
  const std::int64_t lda = lda_of(job);
  in_pieces(job, job.m, job.m * job.k, 4,
            [&](const Item<T>& item, std::int64_t batch, std::int64_t row, std::int64_t rows) {
              T* y = item.c + row;
              dot_rows(item.b, item.a + row * lda, lda, job.k, y, rows, job.accumulate);
              finish_row(y, rows, job.bias, 0, job.activation);
              if (job.tail != nullptr) run_tail(*job.tail, 1, batch * job.m + row, rows, 0, 1);
            });
}

template <class T>
void combine_packed(const Matmul<T>& job, const T* x, std::int64_t first, std::int64_t columns, T* y) {
  const std::int64_t width = packed_vectors<T>(job.n) * kLanes<T>;
  for (std::int64_t j = 0; j < columns; j += width) {
    const T* panel = job.b + (first + j) * job.k;
    const std::int64_t here = std::min(width, columns - j);
    switch (vectors_for<T>(here)) {
      case 1:
        combine_panel<T, 1>(x, panel, width, job.k, y + j, here, job.accumulate);
        break;
      case 2:
        combine_panel<T, 2>(x, panel, width, job.k, y + j, here, job.accumulate);
        break;
      case 3:
        combine_panel<T, 3>(x, panel, width, job.k, y + j, here, job.accumulate);
        break;
      default:
        combine_panel<T, 4>(x, panel, width, job.k, y + j, here, job.accumulate);
    }
  }
}

// C is a few rows.
template <class T>
void run_rows(const Matmul<T>& job) {
  const std::int64_t lda = lda_of(job), ldb = ldb_of(job), ldc = ldc_of(job);
  const std::int64_t step = job.packed_b ? packed_vectors<T>(job.n) * kLanes<T> : 64;
  const auto row_piece = [&](const Item<T>& item, const T* x, std::int64_t column, std::int64_t columns, T* y) {
    if (job.packed_b) {
      combine_packed(job, x, column, columns, y);
    } else if (job.transpose_b) {
      dot_rows(x, item.b + column * ldb, ldb, job.k, y, columns, job.accumulate);
    } else {
      combine_rows(x, item.b + column, ldb, job.k, y, columns, job.accumulate);
    }
  };
  in_pieces(job, job.n, job.m * job.n * job.k, step,
            [&](const Item<T>& item, std::int64_t batch, std::int64_t column, std::int64_t columns) {
              for (std::int64_t i = 0; i < job.m; ++i) {
                T* y = item.c + i * ldc + column;
                row_piece(item, item.a + i * lda, column, columns, y);
                finish_row(y, columns, job.bias == nullptr ? nullptr : job.bias + column, 1, job.activation);
              }
              if (job.tail != nullptr) run_tail(*job.tail, job.n, batch * job.m, job.m, column, columns);
            });
}

}  // namespace addax::kernels::ADDAX_ISA_NS
