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

// Columns whose sums are put by until they can be added to y.
inline constexpr std::int64_t kPutBy = 512;

// y = Σ_k x[k] · M[k][·] over n columns, row k of M at m + k · stride. The terms of a sum are added in the order of k,
// as a tile adds them: a row's product does not depend on how many rows are multiplied with it.
template <class T>
void combine_rows(const T* x, const T* m, std::int64_t stride, std::int64_t k, T* y, std::int64_t n) {
  constexpr int W = kLanes<T>;
  constexpr int kRows = 8;  // streams a prefetcher follows, and an 8th of the traffic to y
  const std::int64_t whole = n / W * W;
  std::fill(y, y + n, T{0});
  std::int64_t p = 0;
  for (; p + kRows <= k; p += kRows) {
    const T* row = m + p * stride;
    Vec<T> factor[kRows];
    for (int u = 0; u < kRows; ++u) factor[u] = splat(x[p + u]);
    for (std::int64_t j = 0; j < whole; j += W) {
      Vec<T> sum = load(y + j);
#pragma GCC unroll 8
      for (int u = 0; u < kRows; ++u) sum += factor[u] * load(row + u * stride + j);
      store(y + j, sum);
    }
    if (whole == n) continue;
    Vec<T> sum = load_partial(y + whole, n - whole);
#pragma GCC unroll 8
    for (int u = 0; u < kRows; ++u) sum += factor[u] * load_partial(row + u * stride + whole, n - whole);
    store_partial(y + whole, sum, n - whole);
  }
  for (; p < k; ++p) {
    const Vec<T> factor = splat(x[p]);
    const T* row = m + p * stride;
    for (std::int64_t j = 0; j < whole; j += W) store(y + j, load(y + j) + factor * load(row + j));
    if (whole < n)
      store_partial(y + whole, load_partial(y + whole, n - whole) + factor * load_partial(row + whole, n - whole),
                    n - whole);
  }
}

// The same, added to y.
template <class T>
void add_combined_rows(const T* x, const T* m, std::int64_t stride, std::int64_t k, T* y, std::int64_t n) {
  T sums[kPutBy];
  for (std::int64_t first = 0; first < n; first += kPutBy) {
    const std::int64_t columns = std::min(kPutBy, n - first);
    combine_rows(x, m + first, stride, k, sums, columns);
    for (std::int64_t j = 0; j < columns; ++j) y[first + j] += sums[j];
  }
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

// y = Σ_k x[k] · P[k][·] for NP packed panels of NV vectors, rows `width` and panels `panel_stride` apart, added to y
// if `accumulate`. Terms in the order of k, as a tile adds them; several sums at a time hide the latency of an
// addition.
template <class T, int NV, int NP>
ADDAX_INLINE void combine_panels(const T* x, const T* panel, std::int64_t width, std::int64_t panel_stride,
                                 std::int64_t k, T* y, std::int64_t columns, bool accumulate) {
  constexpr int W = kLanes<T>;
  Vec<T> sum[NP][NV] = {};
#pragma GCC unroll 4
  for (std::int64_t p = 0; p < k; ++p) {
    const Vec<T> factor = splat(x[p]);
#pragma GCC unroll 2
    for (int q = 0; q < NP; ++q) {
#pragma GCC unroll 4
      for (int v = 0; v < NV; ++v) sum[q][v] += factor * load(panel + q * panel_stride + p * width + v * W);
    }
  }
#pragma GCC unroll 2
  for (int q = 0; q < NP; ++q) {
#pragma GCC unroll 4
    for (int v = 0; v < NV; ++v) {
      const std::int64_t column = q * width + v * W, lanes = std::min<std::int64_t>(W, columns - column);
      if (lanes <= 0) continue;
      Vec<T> total = sum[q][v];
      if (accumulate) total += load_partial(y + column, lanes);
      store_partial(y + column, total, lanes);
    }
  }
}

// ---- Products by vectors.

// Whether the rows of A are contiguous.
template <class T>
bool has_row_a(const Matmul<T>& job) {
  return !job.transpose_a || (job.m == 1 && lda_of(job) == 1);
}

// A dot product per row of A: n is 1, and B is contiguous. However many rows there are, so that a row's product does
// not depend on how many are multiplied with it.
template <class T>
bool is_column(const Matmul<T>& job) {
  if (job.packed_b || job.n != 1 || !has_row_a(job)) return false;
  return (job.transpose_b || ldb_of(job) == 1) && (job.m == 1 || ldc_of(job) == 1);
}

// One row, or few rows meet a transposed B, whose packing would cost more than the product.
template <class T>
bool is_few_rows(const Matmul<T>& job) {
  if (!has_row_a(job)) return false;
  return job.m == 1 || (!job.packed_b && job.n > 1 && job.transpose_b && job.m < 8);
}

template <class T>
bool by_vectors(const Matmul<T>& job) {
  return is_column(job) || is_few_rows(job);
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

// A chunk of k of the panels of columns [first, first + columns).
template <class T, int NV>
void combine_packed(const Matmul<T>& job, const T* x, std::int64_t first_k, std::int64_t depth, std::int64_t first,
                    std::int64_t columns, T* y, bool accumulate) {
  constexpr std::int64_t width = NV * kLanes<T>;
  const T* panel = job.b + first * job.k + first_k * width;
  const std::int64_t panel_stride = job.k * width;
  std::int64_t j = 0;
  for (; j + width < columns; j += 2 * width, panel += 2 * panel_stride)
    combine_panels<T, NV, 2>(x, panel, width, panel_stride, depth, y + j, columns - j, accumulate);
  if (j < columns) combine_panels<T, NV, 1>(x, panel, width, panel_stride, depth, y + j, columns - j, accumulate);
}

// C is a few rows.
template <class T>
void run_rows(const Matmul<T>& job) {
  const std::int64_t lda = lda_of(job), ldb = ldb_of(job), ldc = ldc_of(job);
  const std::int64_t step = job.packed_b ? packed_vectors<T>(job.n) * kLanes<T> : 64;
  const auto chunk_of_k = [&](const Item<T>& item, const T* x, std::int64_t k0, std::int64_t depth, std::int64_t column,
                              std::int64_t columns, T* y, bool accumulate) {
    if (job.packed_b) {
      switch (packed_vectors<T>(job.n)) {
        case 1:
          return combine_packed<T, 1>(job, x, k0, depth, column, columns, y, accumulate);
        case 2:
          return combine_packed<T, 2>(job, x, k0, depth, column, columns, y, accumulate);
        case 3:
          return combine_packed<T, 3>(job, x, k0, depth, column, columns, y, accumulate);
        default:
          return combine_packed<T, 4>(job, x, k0, depth, column, columns, y, accumulate);
      }
    }
    const T* b = item.b + k0 * ldb + column;
    accumulate ? add_combined_rows(x, b, ldb, depth, y, columns) : combine_rows(x, b, ldb, depth, y, columns);
  };
  const auto row_piece = [&](const Item<T>& item, const T* x, std::int64_t column, std::int64_t columns, T* y) {
    if (!job.packed_b && job.transpose_b) {
      dot_rows(x, item.b + column * ldb, ldb, job.k, y, columns, job.accumulate);
      return;
    }
    const std::int64_t chunks = depth_chunks(job.k);
    for (std::int64_t c = 0; c < chunks; ++c) {
      const std::int64_t k0 = cut(job.k, chunks, c);
      chunk_of_k(item, x + k0, k0, cut(job.k, chunks, c + 1) - k0, column, columns, y, job.accumulate || c > 0);
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
