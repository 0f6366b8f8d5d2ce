#include "kernels/matmul_bf16.h"

#include <algorithm>

#include "base/parallel.h"
#include "base/scratch.h"
#include "kernels/bf16_copies.h"
#include "kernels/bf16_pack.h"
#include "kernels/microkernel.h"
#include "kernels/sizes.h"

namespace addax::kernels::ADDAX_ISA_NS {
namespace {

using Job = Matmul<BrainHalf>;

// The job with its strides written out, and where its batch items begin.
struct Batch {
  std::int64_t lda, ldb, ldc, count = 1;
  bool spread_c = false;
  explicit Batch(const Job& job)
      : lda(job.lda != 0      ? job.lda
            : job.transpose_a ? job.m
                              : job.k),
        ldb(job.ldb != 0      ? job.ldb
            : job.transpose_b ? job.k
                              : job.n),
        ldc(job.ldc != 0 ? job.ldc : job.n) {
    for (int d = 0; d < job.batch_rank; ++d) {
      count *= job.batch[d];
      spread_c = spread_c || job.c_strides[d] != 0;
    }
  }
  struct Item {
    const BrainHalf* a;
    const BrainHalf* b;
    BrainHalf* c;
  };
  Item item(const Job& job, std::int64_t index) const {
    Item it{job.a, job.b, job.c};
    std::int64_t rest = index;
    for (int d = job.batch_rank - 1; d >= 0; --d) {
      const std::int64_t i = rest % job.batch[d];
      rest /= job.batch[d];
      it.a += i * job.a_strides[d];
      it.b += i * job.b_strides[d];
      it.c += i * job.c_strides[d];
    }
    if (!spread_c) it.c += index * job.m * ldc;
    return it;
  }
};

bool empty(const Job& job) { return job.m == 0 || job.n == 0 || Batch(job).count == 0; }

// ---- Without the instruction: copies in float32, the product of those, and one rounding.

const MatmulFunctions<float>& float_products() {
  static const MatmulKernels kernels = [] {
    MatmulKernels k{};
    fill(k);
    return k;
  }();
  return kernels.f32;
}

std::int64_t whole_lines(std::int64_t floats) { return ceil_div(floats * 4, 64) * 64; }

struct Converted {
  Matmul<float> job{};
  std::int64_t a_rows, a_columns, b_rows, b_columns;
  std::int64_t a_bytes, b_bytes, c_bytes;
  explicit Converted(const Job& from) {
    job.m = from.m;
    job.n = from.n;
    job.k = from.k;
    job.transpose_a = from.transpose_a;
    job.transpose_b = from.transpose_b;
    a_rows = from.transpose_a ? from.k : from.m;
    a_columns = from.transpose_a ? from.m : from.k;
    b_rows = from.transpose_b ? from.n : from.k;
    b_columns = from.transpose_b ? from.k : from.n;
    a_bytes = whole_lines(from.m * from.k);
    b_bytes = whole_lines(from.k * from.n);
    c_bytes = whole_lines(from.m * from.n);
  }
};

void to_floats(const BrainHalf* from, std::int64_t stride, std::int64_t rows, std::int64_t columns, float* to) {
  if (stride == columns) return widen(from, rows * columns, to);
  for (std::int64_t i = 0; i < rows; ++i) widen(from + i * stride, columns, to + i * columns);
}

void run_converted(const Job& job, const Bf16Epilogue& epilogue) {
  if (empty(job)) return;
  const Batch batch(job);
  Converted c(job);
  char* memory = static_cast<char*>(job.workspace);
  float* const a = reinterpret_cast<float*>(memory);
  float* const b = reinterpret_cast<float*>(memory + c.a_bytes);
  c.job.a = a;
  c.job.b = b;
  c.job.c = reinterpret_cast<float*>(memory + c.a_bytes + c.b_bytes);
  c.job.bias = epilogue.bias;
  c.job.activation = epilogue.activation;
  c.job.workspace = memory + c.a_bytes + c.b_bytes + c.c_bytes;
  for (std::int64_t t = 0; t < batch.count; ++t) {
    const Batch::Item item = batch.item(job, t);
    to_floats(item.a, batch.lda, c.a_rows, c.a_columns, a);
    to_floats(item.b, batch.ldb, c.b_rows, c.b_columns, b);
    float_products().run(c.job);
    for (std::int64_t i = 0; i < job.m; ++i) narrow(c.job.c + i * job.n, job.n, item.c + i * batch.ldc);
  }
}

std::int64_t converted_workspace(const Job& job) {
  if (empty(job)) return 0;
  const Converted c(job);
  return c.a_bytes + c.b_bytes + c.c_bytes + float_products().workspace(c.job);
}

std::int64_t nothing_packed(std::int64_t, std::int64_t) { return 0; }

#if defined(ADDAX_BF16_NATIVE)

// ---- With it. B is packed as a whole in panels of pairs; a task is some rows by one panel, its float32 sums stay in
// the cache until all of k is in, and are rounded once.

constexpr int kRowsScratch = 0, kSumsScratch = 1;  // scratch slots
constexpr std::int64_t kPairDepth = 384;           // pairs of a pass: the bytes of float32's kDepth
constexpr std::int64_t kTaskRows = 144;
constexpr std::int64_t kTaskWork = std::int64_t{1} << 20;  // multiplications a thread is worth waking for

// Whether the pairs of a row of A can be read where they are: nothing may follow an odd last element but a zero.
bool rows_in_place(const Job& job) { return !job.transpose_a && job.k % 2 == 0; }

// Pairs of some rows of A: row by row, or, transposed, pair by pair.
void pack_rows_of_pairs(const Job& job, const BrainHalf* a, std::int64_t lda, std::int64_t row, std::int64_t rows,
                        std::uint32_t* out) {
  const std::int64_t pairs = ceil_div(job.k, 2);
  if (!job.transpose_a) {
    for (std::int64_t i = 0; i < rows; ++i) {
      for (std::int64_t p = 0; p < pairs; ++p) out[i * pairs + p] = pair_at(a + (row + i) * lda, p, job.k);
    }
    return;
  }
  for (std::int64_t p = 0; p < pairs; ++p) {
    const BrainHalf* low = a + 2 * p * lda + row;
    const BrainHalf* high = 2 * p + 1 < job.k ? low + lda : nullptr;
    std::uint32_t* to = out + p * rows;
    std::int64_t i = 0;
    for (; i + 16 <= rows; i += 16) {
      FloatBits pair = wide(low + i, 16);
      if (high != nullptr) pair |= wide(high + i, 16) << 16;
      __builtin_memcpy(to + i, &pair, sizeof pair);
    }
    for (; i < rows; ++i) to[i] = low[i].bits | (high != nullptr ? std::uint32_t{high[i].bits} << 16 : 0);
  }
}

struct Cut {
  std::int64_t panels, pairs, row_tasks;
  explicit Cut(const Job& job)
      : panels(ceil_div(job.n, kPairColumns)), pairs(ceil_div(job.k, 2)), row_tasks(ceil_div(job.m, kTaskRows)) {}
  std::int64_t panel_size() const { return pairs * kPairColumns; }
};

void run_task(const Job& job, const Batch& batch, const Cut& shape, const Batch::Item& item, std::int64_t row_task,
              std::int64_t first_panel, std::int64_t last_panel, const std::uint32_t* panels,
              const Bf16Epilogue& epilogue) {
  const std::int64_t first = cut(job.m, shape.row_tasks, row_task), last = cut(job.m, shape.row_tasks, row_task + 1);
  PairTile tile{};
  tile.step = 4;
  const char* a = reinterpret_cast<const char*>(item.a + first * batch.lda);
  tile.row_stride = 2 * batch.lda;
  if (!rows_in_place(job)) {
    std::uint32_t* rows = thread_scratch_of<std::uint32_t>(kRowsScratch, (last - first) * shape.pairs);
    pack_rows_of_pairs(job, item.a, batch.lda, first, last - first, rows);
    a = reinterpret_cast<const char*>(rows);
    tile.row_stride = job.transpose_a ? 4 : 4 * shape.pairs;
    tile.step = job.transpose_a ? 4 * (last - first) : 4;
  }
  float* const sums = thread_scratch_of<float>(kSumsScratch, (last - first) * kPairColumns);
  const std::int64_t blocks = ceil_div(last - first, kPairRows);
  const std::int64_t chunks = std::max<std::int64_t>(1, ceil_div(shape.pairs, kPairDepth));
  for (std::int64_t q = first_panel; q < last_panel; ++q) {
    const std::int64_t column = q * kPairColumns, columns = std::min<std::int64_t>(kPairColumns, job.n - column);
    const int vectors = static_cast<int>(ceil_div(columns, 16));
    for (std::int64_t chunk = 0; chunk < chunks; ++chunk) {
      const std::int64_t p0 = cut(shape.pairs, chunks, chunk);
      const PairRun run{0, 0, cut(shape.pairs, chunks, chunk + 1) - p0};
      tile.runs = &run;
      tile.run_count = 1;
      tile.b = panels + q * shape.panel_size() + p0 * kPairColumns;
      tile.accumulate = chunk > 0;
      for (std::int64_t i = 0; i < blocks; ++i) {
        const std::int64_t row = cut(last - first, blocks, i);
        tile.a = a + row * tile.row_stride + p0 * tile.step;
        tile.c = sums + row * kPairColumns;
        run_pair_tile(static_cast<int>(cut(last - first, blocks, i + 1) - row), vectors, tile);
      }
    }
    const float* bias = epilogue.bias == nullptr ? nullptr : epilogue.bias + column;
    round_rows(sums, last - first, columns, bias, epilogue.activation, item.c + first * batch.ldc + column, batch.ldc);
  }
}

// All panels of B, in parallel.
void pack_panels(const BrainHalf* b, std::int64_t ldb, bool transposed, std::int64_t k, std::int64_t n,
                 std::uint32_t* out) {
  const std::int64_t panels = ceil_div(n, kPairColumns), size = ceil_div(k, 2) * kPairColumns;
  parallel_for(panels, std::max<std::int64_t>(1, (1 << 16) / std::max<std::int64_t>(1, size)),
               [&](std::int64_t first, std::int64_t last) {
                 for (std::int64_t q = first; q < last; ++q) {
                   const std::int64_t column = q * kPairColumns;
                   pack_pairs(b + column * (transposed ? ldb : 1), ldb, transposed, k,
                              std::min<std::int64_t>(kPairColumns, n - column), out + q * size);
                 }
               });
}

void run_native(const Job& job, const Bf16Epilogue& epilogue) {
  if (empty(job)) return;
  const Batch batch(job);
  const Cut shape(job);
  auto* const own = static_cast<std::uint32_t*>(job.workspace);
  const std::int64_t work = std::max<std::int64_t>(1, kTaskRows * kPairColumns * job.k);
  for (std::int64_t t = 0; t < batch.count; ++t) {
    const Batch::Item item = batch.item(job, t);
    if (!job.packed_b) pack_panels(item.b, batch.ldb, job.transpose_b, job.k, job.n, own);
    const std::uint32_t* panels = job.packed_b ? reinterpret_cast<const std::uint32_t*>(job.b) : own;
    // Panels of one row task one after another: the rows of A stay in L2.
    const std::int64_t grain = std::max<std::int64_t>(1, kTaskWork / work);
    parallel_for(shape.row_tasks * shape.panels, grain, [&](std::int64_t first, std::int64_t last) {
      while (first < last) {
        const std::int64_t row_task = first / shape.panels, q = first % shape.panels;
        const std::int64_t until = std::min(shape.panels, q + last - first);
        run_task(job, batch, shape, item, row_task, q, until, panels, epilogue);
        first += until - q;
      }
    });
  }
}

std::int64_t native_packed_size(std::int64_t k, std::int64_t n) {
  return ceil_div(n, kPairColumns) * kPairColumns * ceil_div(k, 2) * 2;
}

void native_pack(const BrainHalf* b, std::int64_t ldb, bool transpose_b, std::int64_t k, std::int64_t n,
                 BrainHalf* packed) {
  pack_panels(b, ldb, transpose_b, k, n, reinterpret_cast<std::uint32_t*>(packed));
}

std::int64_t native_workspace(const Job& job) {
  const Cut shape(job);
  return empty(job) || job.packed_b ? 0 : shape.panels * shape.panel_size() * 4;
}

#endif

}  // namespace

void fill(Bf16MatmulKernels& kernels) {
  kernels = {&run_converted, &converted_workspace, &nothing_packed, nullptr, false};
#if defined(ADDAX_BF16_NATIVE)
  if (__builtin_cpu_supports("avx512bf16"))
    kernels = {&run_native, &native_workspace, &native_packed_size, &native_pack, true};
#endif
}

}  // namespace addax::kernels::ADDAX_ISA_NS
