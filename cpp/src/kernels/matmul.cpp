#include "kernels/matmul.h"

#include <algorithm>

#include "base/parallel.h"
#include "base/scratch.h"
#include "kernels/epilogue.h"
#include "kernels/microkernel.h"
#include "kernels/pack.h"

// Blocking after Goto and van de Geijn ("Anatomy of high-performance matrix multiplication", 2008): B in panels one
// block wide, k cut so that a panel stays in L1 and a block of A in L2. Small products skip the copies. C is cut into
// tasks by the sizes alone, so the result does not depend on the number of threads.
namespace addax::kernels::ADDAX_ISA_NS {
namespace {

constexpr int kPackedA = 0, kPackedB = 1;  // scratch slots

// k of a block: deeper ones update C less often; much deeper ones leave L1.
constexpr std::int64_t kDepth = 384;
// Rows and columns of a task at most: 144 · kDepth floats of A are 216 KB of L2.
constexpr std::int64_t kTaskRows = 144;
constexpr std::int64_t kTaskColumns = 1024;
// Work of a task: some 20 µs.
constexpr std::int64_t kTaskFlops = std::int64_t{1} << 21;
// B is packed as a whole, once for all tasks, up to this size; beyond, every task packs what it needs, panel by panel.
constexpr std::int64_t kSharedBytes = std::int64_t{64} << 20;
// With no more rows than these a task takes all of them, so that nobody else needs its part of B: a B beyond this size
// is then packed by the task, and the copy never leaves the cache.
constexpr std::int64_t kOwnRows = 512;
constexpr std::int64_t kOwnBytes = std::int64_t{2} << 20;
// Rows from which a packed B pays for its copy.
constexpr std::int64_t kPackRows = 28;

std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

template <class T>
std::int64_t batch_count(const Matmul<T>& job) {
  std::int64_t count = 1;
  for (int d = 0; d < job.batch_rank; ++d) count *= job.batch[d];
  return count;
}

// Where batch item `index` of A and of B begins.
template <class T>
struct Item {
  const T* a;
  const T* b;
  Item(const Matmul<T>& job, std::int64_t index) : a(job.a), b(job.b) {
    for (int d = job.batch_rank - 1; d >= 0; --d) {
      const std::int64_t i = index % job.batch[d];
      index /= job.batch[d];
      a += i * job.a_strides[d];
      b += i * job.b_strides[d];
    }
  }
};

// ---- One row or one column: no block of C to keep, so the reading of the matrix is all there is.

// The last columns, fewer than a vector: all of k in registers.
template <class T>
void combine_tail(const T* x, const T* m, std::int64_t stride, std::int64_t k, T* y, std::int64_t lanes) {
  constexpr int kSums = 8;
  Vec<T> sum[kSums] = {};
  std::int64_t p = 0;
  for (; p + kSums <= k; p += kSums) {
#pragma GCC unroll 8
    for (int u = 0; u < kSums; ++u) sum[u] += x[p + u] * load_partial(m + (p + u) * stride, lanes);
  }
  for (; p < k; ++p) sum[0] += x[p] * load_partial(m + p * stride, lanes);
  for (int half = kSums / 2; half > 0; half /= 2) {
    for (int u = 0; u < half; ++u) sum[u] += sum[u + half];
  }
  store_partial(y, sum[0], lanes);
}

// y = Σ_k x[k] · M[k][·] over n columns, row k of M at m + k · stride.
template <class T>
void combine_rows(const T* x, const T* m, std::int64_t stride, std::int64_t k, T* y, std::int64_t n) {
  constexpr int W = kLanes<T>;
  constexpr int kRows = 8;  // streams a prefetcher follows, and an 8th of the traffic to y
  const std::int64_t whole = n / W * W;
  for (std::int64_t j = 0; j < whole; ++j) y[j] = T{0};
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
  if (whole < n) combine_tail(x, m + whole, stride, k, y + whole, n - whole);
}

template <class T, int kRows>
ADDAX_INLINE void dot_block(const T* x, const T* m, std::int64_t stride, std::int64_t k, T* y) {
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
  for (int r = 0; r < kRows; ++r) y[r] = reduce_add(even[r] + odd[r]);
}

// y[i] = Σ_k x[k] · M[i][k] for i < n.
template <class T>
void dot_rows(const T* x, const T* m, std::int64_t stride, std::int64_t k, T* y, std::int64_t n) {
  std::int64_t i = 0;
  for (; i + 4 <= n; i += 4) dot_block<T, 4>(x, m + i * stride, stride, k, y + i);
  for (; i < n; ++i) dot_block<T, 1>(x, m + i * stride, stride, k, y + i);
}

// ---- Blocks of C.

struct Plan {
  Blocking blocking;
  std::int64_t width;      // columns of a panel
  std::int64_t panels;     // of the product
  std::int64_t task_rows;  // in blocks of rows
  std::int64_t task_panels;
  std::int64_t row_tasks;
  std::int64_t column_tasks;
  bool pack_b;
  bool share_b;
  bool pack_a;
  std::int64_t packed_b_bytes;  // of the shared copy
};

template <class T>
Plan plan_for(const Matmul<T>& job) {
  Plan p{};
  const std::int64_t batch = batch_count(job);
  p.blocking = choose_blocking(job.m, job.n, T{});
  p.width = p.blocking.vectors * kLanes<T>;
  p.panels = ceil_div(job.n, p.width);
  const bool one_panel = p.panels == 1 && !job.transpose_b;
  const bool small_b = job.k * job.n * static_cast<std::int64_t>(sizeof(T)) <= (16 << 10);
  p.pack_b = job.transpose_b || (!one_panel && !small_b && job.m > kPackRows);
  bool same_b = true;
  for (int d = 0; d < job.batch_rank; ++d) same_b = same_b && (job.b_strides[d] == 0 || job.batch[d] == 1);
  p.packed_b_bytes = p.panels * p.width * job.k * static_cast<std::int64_t>(sizeof(T));
  const bool own_b = job.m <= kOwnRows && p.packed_b_bytes > kOwnBytes;
  p.share_b = p.pack_b && (same_b || batch == 1) && p.packed_b_bytes <= kSharedBytes && !own_b;
  // Tasks: as large as the caches like, then smaller while there are too few of them and they are not tiny.
  const std::int64_t block_rows = ceil_div(std::max<std::int64_t>(job.m, 1), p.blocking.rows);
  p.task_rows = std::min(p.blocking.rows, std::max<std::int64_t>(1, (own_b ? kOwnRows : kTaskRows) / block_rows));
  const std::int64_t most_columns = p.pack_b && !p.share_b ? kTaskColumns / 4 : kTaskColumns;
  p.task_panels = std::min(p.panels, std::max<std::int64_t>(1, most_columns / p.width));
  const auto tasks = [&] { return batch * ceil_div(p.blocking.rows, p.task_rows) * ceil_div(p.panels, p.task_panels); };
  const std::int64_t flops = 2 * batch * job.m * job.n * job.k;
  const std::int64_t wanted = std::clamp<std::int64_t>(flops / kTaskFlops, 1, 32);
  while (tasks() < wanted && p.task_panels > 4) p.task_panels = ceil_div(p.task_panels, 2);
  while (tasks() < wanted && p.task_rows > 1 && !own_b) p.task_rows = ceil_div(p.task_rows, 2);
  while (tasks() < wanted && p.task_panels > 1) p.task_panels = ceil_div(p.task_panels, 2);
  p.row_tasks = ceil_div(p.blocking.rows, p.task_rows);
  p.column_tasks = ceil_div(p.panels, p.task_panels);
  p.pack_a = p.task_panels >= 4 && job.m > kPackRows && job.k >= 32;
  return p;
}

// Panels of B one after another, each k × width.
template <class T>
void pack_shared(const Matmul<T>& job, const Plan& plan, T* packed) {
  const std::int64_t stride = job.transpose_b ? job.k : job.n;
  const std::int64_t grain =
      std::max<std::int64_t>(1, (std::int64_t{1} << 16) / std::max<std::int64_t>(1, plan.width * job.k));
  parallel_for(plan.panels, grain, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t q = first; q < last; ++q) {
      const T* from = job.b + q * plan.width * (job.transpose_b ? job.k : 1);
      pack_panel(from, stride, job.transpose_b, packed + q * plan.width * job.k, plan.width, job.k,
                 std::min(plan.width, job.n - q * plan.width));
    }
  });
}

template <class T>
void run_task(const Matmul<T>& job, const Plan& plan, const T* shared_b, std::int64_t index) {
  const std::int64_t column_task = index % plan.column_tasks;
  const std::int64_t row_task = index / plan.column_tasks % plan.row_tasks;
  const std::int64_t batch = index / plan.column_tasks / plan.row_tasks;
  const Item<T> item(job, batch);
  T* const c = job.c + batch * job.m * job.n;
  const std::int64_t first_block = row_task * plan.task_rows;
  const std::int64_t last_block = std::min(plan.blocking.rows, first_block + plan.task_rows);
  const std::int64_t first_row = cut(job.m, plan.blocking.rows, first_block);
  const std::int64_t last_row = cut(job.m, plan.blocking.rows, last_block);
  const std::int64_t first_panel = column_task * plan.task_panels;
  const std::int64_t last_panel = std::min(plan.panels, first_panel + plan.task_panels);
  const std::int64_t a_stride = job.transpose_a ? job.m : job.k;
  const std::int64_t b_stride = job.transpose_b ? job.k : job.n;
  const std::int64_t chunks = std::max<std::int64_t>(1, ceil_div(job.k, kDepth));

  for (std::int64_t chunk = 0; chunk < chunks; ++chunk) {
    const std::int64_t k0 = cut(job.k, chunks, chunk);
    const std::int64_t depth = cut(job.k, chunks, chunk + 1) - k0;
    const auto a_at = [&](std::int64_t row) {
      return item.a + (job.transpose_a ? k0 * a_stride + row : row * a_stride + k0);
    };
    T* packed_a = nullptr;
    if (plan.pack_a) {
      packed_a = thread_scratch_of<T>(kPackedA, (last_row - first_row) * depth + kLanes<T>);
      for (std::int64_t i = first_block; i < last_block; ++i) {
        const std::int64_t row = cut(job.m, plan.blocking.rows, i);
        pack_rows(a_at(row), a_stride, job.transpose_a, packed_a + (row - first_row) * depth,
                  cut(job.m, plan.blocking.rows, i + 1) - row, depth);
      }
    }
    T* packed_b = nullptr;
    if (plan.pack_b && !plan.share_b) packed_b = thread_scratch_of<T>(kPackedB, plan.width * depth);
    const RunOf run{0, 0, depth};
    for (std::int64_t q = first_panel; q < last_panel; ++q) {
      const std::int64_t column = q * plan.width;
      const std::int64_t columns = std::min(plan.width, job.n - column);
      const int vectors = static_cast<int>(vectors_for<T>(columns));
      Tile<T> tile{};
      tile.b_step = plan.width;
      if (plan.share_b) {
        tile.b = shared_b + column * job.k + k0 * plan.width;
      } else if (plan.pack_b) {
        pack_panel(item.b + (job.transpose_b ? column * b_stride + k0 : k0 * b_stride + column), b_stride,
                   job.transpose_b, packed_b, plan.width, depth, columns);
        tile.b = packed_b;
      } else {
        tile.b = item.b + k0 * b_stride + column;
        tile.b_step = b_stride;
        if (columns % kLanes<T> != 0) tile.b_end = item.b + job.k * b_stride;
      }
      tile.runs = &run;
      tile.run_count = 1;
      tile.columns = columns;
      tile.c_stride = job.n;
      tile.accumulate = chunk > 0;
      if (chunk == chunks - 1) {
        tile.bias = job.bias == nullptr ? nullptr : job.bias + column;
        tile.activation = job.activation;
      }
      for (std::int64_t i = first_block; i < last_block; ++i) {
        const std::int64_t row = cut(job.m, plan.blocking.rows, i);
        const std::int64_t rows = cut(job.m, plan.blocking.rows, i + 1) - row;
        tile.c = c + row * job.n + column;
        if (packed_a != nullptr) {
          tile.a = packed_a + (row - first_row) * depth;
          tile.step = rows;
          tile_function(Rows::adjacent, static_cast<int>(rows), vectors, T{})(tile);
        } else if (job.transpose_a) {
          tile.a = a_at(row);
          tile.step = a_stride;
          tile_function(Rows::adjacent, static_cast<int>(rows), vectors, T{})(tile);
        } else {
          tile.a = a_at(row);
          tile.row_stride = a_stride;
          tile_function(Rows::strided, static_cast<int>(rows), vectors, T{})(tile);
        }
      }
    }
  }
}

// ---- The choice.

// A vector times a matrix: m or n is 1, or few rows meet a transposed B, whose packing would cost more than the
// product.
template <class T>
bool by_vectors(const Matmul<T>& job) {
  return job.m == 1 || (job.n == 1 && !job.transpose_a) || (job.transpose_b && job.m < 8 && !job.transpose_a);
}

// Multiplications of a task of a product by vectors: some 5 µs of reading the matrix.
constexpr std::int64_t kVectorTask = 96 << 10;

// How many results each task computes, of `count` that cost `work` together: a multiple of `step`, and an even number
// of tasks.
std::int64_t vector_grain(std::int64_t count, std::int64_t work, std::int64_t step) {
  const std::int64_t pieces = work < 2 * kVectorTask ? 1 : work / kVectorTask / 2 * 2;
  return ceil_div(ceil_div(count, pieces), step) * step;
}

template <class T>
void run_vectors(const Matmul<T>& job) {
  const std::int64_t batch = batch_count(job);
  if (job.n == 1 && job.m > 1) {
    const std::int64_t grain = vector_grain(job.m, job.m * job.k, 4), pieces = ceil_div(job.m, grain);
    const std::int64_t several = std::max<std::int64_t>(1, kVectorTask / std::max<std::int64_t>(1, grain * job.k));
    parallel_for(batch * pieces, several, [&](std::int64_t first, std::int64_t last) {
      for (std::int64_t t = first; t < last; ++t) {
        const Item<T> item(job, t / pieces);
        const std::int64_t row = t % pieces * grain, rows = std::min(grain, job.m - row);
        T* y = job.c + t / pieces * job.m + row;
        dot_rows(item.b, item.a + row * job.k, job.k, job.k, y, rows);
        finish_row(y, rows, job.bias, 0, job.activation);
      }
    });
    return;
  }
  const std::int64_t work = job.m * job.n * job.k;
  const std::int64_t grain = vector_grain(job.n, work, 64), pieces = ceil_div(job.n, grain);
  const std::int64_t several = std::max<std::int64_t>(1, kVectorTask / std::max<std::int64_t>(1, work / pieces));
  parallel_for(batch * pieces, several, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t t = first; t < last; ++t) {
      const Item<T> item(job, t / pieces);
      const std::int64_t column = t % pieces * grain, columns = std::min(grain, job.n - column);
      for (std::int64_t i = 0; i < job.m; ++i) {
        T* y = job.c + (t / pieces * job.m + i) * job.n + column;
        const T* x = item.a + i * job.k;
        if (job.transpose_b) {
          dot_rows(x, item.b + column * job.k, job.k, job.k, y, columns);
        } else {
          combine_rows(x, item.b + column, job.n, job.k, y, columns);
        }
        finish_row(y, columns, job.bias == nullptr ? nullptr : job.bias + column, 1, job.activation);
      }
    }
  });
}

template <class T>
void matmul(const Matmul<T>& job) {
  const std::int64_t batch = batch_count(job);
  if (job.m == 0 || job.n == 0 || batch == 0) return;
  if (by_vectors(job)) {
    run_vectors(job);
    return;
  }
  const Plan plan = plan_for(job);
  T* const shared_b = static_cast<T*>(job.workspace);
  if (plan.share_b) pack_shared(job, plan, shared_b);
  const std::int64_t tasks = batch * plan.row_tasks * plan.column_tasks;
  const std::int64_t flops = 2 * batch * job.m * job.n * job.k;
  const std::int64_t grain = std::max<std::int64_t>(1, tasks * kTaskFlops / 2 / std::max<std::int64_t>(1, flops));
  parallel_for(tasks, grain, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t t = first; t < last; ++t) run_task(job, plan, shared_b, t);
  });
}

template <class T>
std::int64_t workspace(const Matmul<T>& job) {
  if (job.m == 0 || job.n == 0 || batch_count(job) == 0 || by_vectors(job)) return 0;
  const Plan plan = plan_for(job);
  return plan.share_b ? plan.packed_b_bytes : 0;
}

}  // namespace

void fill(MatmulKernels& kernels) {
  kernels = {{&matmul<float>, &workspace<float>}, {&matmul<double>, &workspace<double>}};
}

}  // namespace addax::kernels::ADDAX_ISA_NS
