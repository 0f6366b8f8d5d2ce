#include "kernels/matmul.h"

#include <algorithm>

#include "base/parallel.h"
#include "base/scratch.h"
#include "kernels/matmul_layout.h"
#include "kernels/matmul_vectors.h"
#include "kernels/microkernel.h"
#include "kernels/pack.h"
#include "kernels/tasks.h"
#include "kernels/tile_column.h"

// Blocking after Goto and van de Geijn ("Anatomy of high-performance matrix multiplication", 2008), with two
// differences. A is not copied unless it is transposed: a block of 9 rows by 3 vectors reads A along 9 rows, which fit
// the 8 ways of L1 even where they lie a multiple of 4 KB apart (14 rows by 2 vectors lose a quarter there), and keeps
// 27 of 28 possible multiplications in flight. And B is copied in panels only where many rows will read it. C is cut
// into tasks by the sizes alone, so the result does not depend on the number of threads.
namespace addax::kernels::ADDAX_ISA_NS {
namespace {

constexpr int kPackedA = 0, kPackedB = 1;  // scratch slots

// Rows and columns of a task at most: 144 · kDepth floats of A are 216 KB of L2.
constexpr std::int64_t kTaskRows = 144;
constexpr std::int64_t kTaskColumns = 1024;
// Tasks are not cut below these rows if B is far away: each row task reads all of its columns of B.
constexpr std::int64_t kLeastTaskRows = 64;
// Elements of C of a task that runs a tail over them at its end, while they are in L2.
constexpr std::int64_t kTailElements = 64 << 10;
// Tasks of a product, and of a larger one, up to a second bound of work. Fewer and larger ones read A and B less often:
// 64x512x6400 runs at 67 % of peak in 8 tasks, at 57 % in 16.
constexpr std::int64_t kTasks = 8, kMostTasks = 32;
constexpr std::int64_t kLargeTaskFlops = std::int64_t{1} << 27;
// B is packed as a whole, once for all tasks, up to this size; beyond, every task packs what it needs, panel by panel.
constexpr std::int64_t kSharedBytes = std::int64_t{64} << 20;
// With no more rows than these a task takes all of them, so that nobody else needs its part of B: a B beyond this size
// is then packed by the task, and the copy never leaves the cache.
constexpr std::int64_t kOwnRows = 512;
constexpr std::int64_t kOwnBytes = std::int64_t{2} << 20;
// Rows up to which B is read as it lies: a chunk of a panel stays in L2 while the blocks of rows go by, and a copy
// costs more than it saves (128x512x784: 92-96 % of peak without, 80 % with). Rows of B that lie a multiple of 4 KB
// apart share so few sets of L2 that the copy pays much earlier.
constexpr std::int64_t kDirectRows = 512;
constexpr std::int64_t kDirectRowsInConflict = 64;
// Rows from which a transposed A whose rows lie a multiple of 4 KB apart is packed; others are read as they lie
// (512^3: 88 % without the copy, 80 % with).
constexpr std::int64_t kPackRows = 28;
// Operands beyond this size lie behind L2. Their lines are asked for a block ahead: too few of them follow one another
// for the machine to see them coming.
constexpr std::int64_t kFarBytes = 512 << 10;
// A C of this size stays near while a long A and B stream by: all tasks take one part of k after the other. With the
// whole of k to itself each task would bring its A or B from afar again (256x256x4096 with A transposed: 75 to 82 % of
// the peak, part by part 87 to 97; 64x384x6400: 85 and 100). Only with A transposed: else a part of k is a piece of
// each row, and as quick as the whole.
constexpr std::int64_t kNearBytes = std::int64_t{1} << 20;
// Work of such a part at least, for threads meet at its end.
constexpr std::int64_t kPartFlops = std::int64_t{1} << 24;
// Products up to this depth: what a block costs beside its multiplications counts, and whole columns of blocks are one
// call (1008x96x16: 87 to 100 GFLOP/s, 196x576x96: 108 to 113).
constexpr std::int64_t kShortDepth = 192;
// A B of this size is read from L1, wherever its rows lie.
constexpr std::int64_t kSmallBytes = 16 << 10;
// A row of A this far from the next, and all rows of a block share one set of L1: no more of them than its ways.
constexpr std::int64_t kWayBytes = 4096;
constexpr std::int64_t kWays = 9;  // the ways, and one on its way in

// Whether rows so many bytes apart share sets of the caches.
bool in_conflict(std::int64_t bytes) { return bytes % kWayBytes == 0; }

// ---- Blocks of C.

// How a task comes by B: as it lies; in panels that it packs itself, one at a time; in panels that were packed for all
// tasks, just now or by the caller.
enum class Source { direct, own, shared, given };

struct Plan {
  Blocking blocking;
  std::int64_t width;      // columns of a panel
  std::int64_t panels;     // of the product
  std::int64_t task_rows;  // in blocks of rows
  std::int64_t task_panels;
  std::int64_t row_tasks;
  std::int64_t column_tasks;
  Source source;
  bool pack_a;
  bool far_a, far_b, far_c;     // the operand is too large to be in L2
  std::int64_t part_chunks;     // of k, that all tasks take before the next ones
  std::int64_t part_depth;      // the most rows of B in a part
  std::int64_t packed_b_bytes;  // of the shared copy: of a part
};

template <class T>
Blocking blocking_for(const Matmul<T>& job) {
  const bool conflict = !job.transpose_a && in_conflict(lda_of(job) * static_cast<std::int64_t>(sizeof(T)));
  Blocking b;
  if (job.packed_b) {
    b.vectors = packed_vectors<T>(job.n);
    b.rows = std::max<std::int64_t>(1, ceil_div(job.m, max_rows<T>(b.vectors)));
  } else {
    // One block of many rows reads B but once; else the widest panel that reads A along few rows.
    const bool one_block = job.m <= max_rows<T>(2) && !conflict;
    b = choose_blocking(job.m, job.n, T{}, job.transpose_a || one_block ? 2 : 3);
  }
  if (conflict) b.rows = std::max(b.rows, ceil_div(job.m, kWays));
  return b;
}

template <class T>
Source source_for(const Matmul<T>& job, const Plan& p, std::int64_t batch) {
  if (job.packed_b) return Source::given;
  const bool small = job.k * job.n * static_cast<std::int64_t>(sizeof(T)) <= kSmallBytes;
  const bool conflict = in_conflict(ldb_of(job) * static_cast<std::int64_t>(sizeof(T)));
  const std::int64_t direct_rows = conflict ? kDirectRowsInConflict : kDirectRows;
  if (!job.transpose_b && (p.panels == 1 || small || job.m <= direct_rows)) return Source::direct;
  bool same = true;
  for (int d = 0; d < job.batch_rank; ++d) same = same && (job.b_strides[d] == 0 || job.batch[d] == 1);
  const bool nobody_else = job.m <= kOwnRows && p.packed_b_bytes > kOwnBytes;
  return (same || batch == 1) && p.packed_b_bytes <= kSharedBytes && !nobody_else ? Source::shared : Source::own;
}

// The chunks of k in a part: all of them, unless parts are better.
template <class T>
std::int64_t part_chunks(const Matmul<T>& job, const Plan& p, std::int64_t batch) {
  const std::int64_t chunks = depth_chunks(job.k);
  if (!job.transpose_a || !p.far_a || !p.far_b || batch != 1) return chunks;
  if (job.m * job.n * static_cast<std::int64_t>(sizeof(T)) > kNearBytes) return chunks;
  return std::min(chunks, ceil_div(kPartFlops * chunks, 2 * job.m * job.n * job.k));
}

// Tasks: as large as the caches like, then smaller while there are too few of them and they are not tiny.
template <class T>
void cut_into_tasks(const Matmul<T>& job, std::int64_t batch, Plan& p) {
  const std::int64_t flops = 2 * batch * job.m * job.n * job.k;
  if (flops < 2 * kLeastTaskFlops && batch == 1) {  // one task, and not a division more than a tiny product can bear
    p.task_rows = p.blocking.rows;
    p.task_panels = p.panels;
    p.row_tasks = p.column_tasks = 1;
    return;
  }
  const std::int64_t block_rows = ceil_div(std::max<std::int64_t>(job.m, 1), p.blocking.rows);
  const bool all_rows = p.source == Source::own && job.m <= kOwnRows;
  std::int64_t most_rows = all_rows ? kOwnRows : kTaskRows;
  const std::int64_t most_columns = p.source == Source::own ? kTaskColumns / 4 : kTaskColumns;
  p.task_panels = ceil_div(p.panels, ceil_div(p.panels * p.width, most_columns));
  if (job.tail != nullptr) most_rows = std::min(most_rows, kTailElements / (p.task_panels * p.width));
  p.task_rows = std::clamp<std::int64_t>(most_rows / block_rows, 1, p.blocking.rows);
  const std::int64_t part_flops = flops / ceil_div(depth_chunks(job.k), p.part_chunks);
  const std::int64_t most_tasks = std::clamp<std::int64_t>(part_flops / kLargeTaskFlops, kTasks, kMostTasks);
  const std::int64_t wanted = wanted_tasks(part_flops, most_tasks);
  // Each cut of the rows makes somebody read all columns of B again, each cut of the columns all rows of A.
  while (true) {
    const std::int64_t row_tasks = ceil_div(p.blocking.rows, p.task_rows);
    const std::int64_t column_tasks = ceil_div(p.panels, p.task_panels);
    const std::int64_t tasks = batch * row_tasks * column_tasks;
    const bool odd = tasks % 2 == 1 && tasks > 1 && tasks < 2 * kTasks;  // the last one would keep a thread waiting
    if (tasks >= wanted && !odd) break;
    const bool rows = p.task_rows > 1 && !all_rows && (!p.far_b || p.task_rows * block_rows > kLeastTaskRows);
    const bool columns = p.task_panels > 1;
    if (!rows && !columns) break;
    if (rows && (!columns || row_tasks * job.n <= column_tasks * job.m)) {
      p.task_rows = ceil_div(p.task_rows, 2);
    } else {
      p.task_panels = ceil_div(p.task_panels, 2);
    }
  }
  p.row_tasks = ceil_div(p.blocking.rows, p.task_rows);
  p.column_tasks = ceil_div(p.panels, p.task_panels);
}

template <class T>
Plan plan_for(const Matmul<T>& job) {
  Plan p{};
  const std::int64_t batch = batch_count(job);
  p.blocking = blocking_for(job);
  p.width = p.blocking.vectors * kLanes<T>;
  p.panels = ceil_div(job.n, p.width);
  const auto size = static_cast<std::int64_t>(sizeof(T));
  p.far_a = batch * job.m * job.k * size > kFarBytes;
  p.far_b = p.panels * p.width * job.k * size > kFarBytes;
  p.far_c = batch * job.m * job.n * size > kFarBytes;
  p.part_chunks = part_chunks(job, p, batch);
  const std::int64_t chunks = depth_chunks(job.k);
  p.part_depth = p.part_chunks == chunks ? job.k : p.part_chunks * ceil_div(job.k, chunks);
  p.packed_b_bytes = p.panels * p.width * p.part_depth * size;
  p.source = source_for(job, p, batch);
  cut_into_tasks(job, batch, p);
  p.pack_a = job.transpose_a && in_conflict(lda_of(job) * static_cast<std::int64_t>(sizeof(T))) && p.task_panels >= 4 &&
             job.m > kPackRows && job.k >= 32;
  return p;
}

// Panels of B one after another, each k × width.
template <class T>
void pack_panels(const T* b, std::int64_t ldb, bool transposed, std::int64_t k, std::int64_t n, std::int64_t width,
                 T* packed) {
  const std::int64_t grain = std::max<std::int64_t>(1, (std::int64_t{1} << 16) / std::max<std::int64_t>(1, width * k));
  parallel_for(ceil_div(n, width), grain, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t q = first; q < last; ++q) {
      const std::int64_t column = q * width;
      pack_panel(b + column * (transposed ? ldb : 1), ldb, transposed, packed + column * k, width, k,
                 std::min(width, n - column));
    }
  });
}

// Asks for the lines of a block that will be read (kWrite 0) or written (1).
template <int kWrite, class T>
void fetch(const T* block, std::int64_t stride, std::int64_t rows, std::int64_t columns) {
  constexpr std::int64_t kLine = 64 / static_cast<std::int64_t>(sizeof(T));
  for (std::int64_t i = 0; i < rows; ++i) {
    for (std::int64_t j = 0; j < columns; j += kLine) __builtin_prefetch(block + i * stride + j, kWrite, 2);
  }
}

// A part of C: blocks of rows and panels of columns of one batch item.
template <class T>
class Task {
 public:
  Task(const Matmul<T>& job, const Plan& plan, std::int64_t batch, std::int64_t row_task, std::int64_t column_task)
      : job_(job),
        plan_(plan),
        batch_(batch),
        item_(job, batch),
        lda_(lda_of(job)),
        ldb_(ldb_of(job)),
        block_rows_(job.m / plan.blocking.rows),
        longer_blocks_(job.m % plan.blocking.rows),
        first_block_(row_task * plan.task_rows),
        last_block_(std::min(plan.blocking.rows, first_block_ + plan.task_rows)),
        first_panel_(column_task * plan.task_panels),
        last_panel_(std::min(plan.panels, first_panel_ + plan.task_panels)),
        whole_k_(plan.part_chunks == depth_chunks(job.k)),
        packed_depth_(job.k) {}

  // The chunks of k from `first` on, as many as a part has.
  void run(const T* panels, std::int64_t first) {
    const std::int64_t chunks = depth_chunks(job_.k), end = std::min(chunks, first + plan_.part_chunks);
    if (plan_.source == Source::shared) {
      packed_from_ = cut(job_.k, chunks, first);
      packed_depth_ = cut(job_.k, chunks, end) - packed_from_;
    }
    for (std::int64_t chunk = first; chunk < end; ++chunk) {
      first_k_ = cut(job_.k, chunks, chunk);
      depth_ = cut(job_.k, chunks, chunk + 1) - first_k_;
      next_depth_ = chunk + 1 < end ? cut(job_.k, chunks, chunk + 2) - first_k_ - depth_ : 0;
      if (plan_.pack_a) pack_a();
      for (std::int64_t q = first_panel_; q < last_panel_; ++q) run_panel(q, panels, chunk == 0, chunk == chunks - 1);
    }
    if (job_.tail != nullptr && end == chunks) {
      const std::int64_t first_row = row_of(first_block_), column = first_panel_ * plan_.width;
      run_tail(*job_.tail, job_.n, batch_ * job_.m + first_row, row_of(last_block_) - first_row, column,
               std::min(job_.n, last_panel_ * plan_.width) - column);
    }
  }

 private:
  // cut(m, blocks, block), divided once.
  std::int64_t row_of(std::int64_t block) const { return block * block_rows_ + std::min(block, longer_blocks_); }
  const T* a_at(std::int64_t row) const {
    return item_.a + (job_.transpose_a ? first_k_ * lda_ + row : row * lda_ + first_k_);
  }

  void pack_a() {
    const std::int64_t first_row = row_of(first_block_);
    packed_a_ = thread_scratch_of<T>(kPackedA, (row_of(last_block_) - first_row) * depth_ + kLanes<T>);
    for (std::int64_t i = first_block_; i < last_block_; ++i) {
      const std::int64_t row = row_of(i);
      pack_rows(a_at(row), lda_, job_.transpose_a, packed_a_ + (row - first_row) * depth_, row_of(i + 1) - row, depth_);
    }
  }

  // Points the tile at this chunk of panel q.
  void take_b(std::int64_t q, const T* panels, Tile<T>& tile) const {
    const std::int64_t column = q * plan_.width;
    tile.b_step = plan_.width;
    if (plan_.source == Source::shared || plan_.source == Source::given) {
      tile.b = panels + column * packed_depth_ + (first_k_ - packed_from_) * plan_.width;
    } else if (plan_.source == Source::own) {
      T* packed = thread_scratch_of<T>(kPackedB, plan_.width * depth_);
      const T* from = item_.b + (job_.transpose_b ? column * ldb_ + first_k_ : first_k_ * ldb_ + column);
      pack_panel(from, ldb_, job_.transpose_b, packed, plan_.width, depth_, tile.columns);
      tile.b = packed;
    } else {
      tile.b = item_.b + first_k_ * ldb_ + column;
      tile.b_step = ldb_;
      if (job_.k > 0 && tile.columns % kLanes<T> != 0) tile.b_end = item_.b + (job_.k - 1) * ldb_ + job_.n;
    }
  }

  // A part of what follows panel q: the next panel of this chunk of k, or the first of the next chunk.
  void fetch_b(std::int64_t q, const T* panels, std::int64_t part, std::int64_t parts) const {
    const bool same_chunk = q + 1 < last_panel_;
    const std::int64_t column = (same_chunk ? q + 1 : first_panel_) * plan_.width;
    const std::int64_t columns = std::min(plan_.width, job_.n - column);
    const std::int64_t k0 = same_chunk ? first_k_ : first_k_ + depth_, depth = same_chunk ? depth_ : next_depth_;
    const bool packed = plan_.source == Source::shared || plan_.source == Source::given;
    if (!packed && job_.transpose_b) {
      const std::int64_t first = columns * part / parts, last = columns * (part + 1) / parts;
      fetch<0>(item_.b + (column + first) * ldb_ + k0, ldb_, last - first, depth);
      return;
    }
    const std::int64_t first = k0 + depth * part / parts, last = k0 + depth * (part + 1) / parts;
    if (packed) {
      fetch<0>(panels + column * packed_depth_ + (first - packed_from_) * plan_.width, plan_.width, last - first,
               plan_.width);
    } else {
      fetch<0>(item_.b + first * ldb_ + column, ldb_, last - first, columns);
    }
  }

  void run_panel(std::int64_t q, const T* panels, bool first_chunk, bool last_chunk) const {
    const std::int64_t column = q * plan_.width, ldc = ldc_of(job_);
    const RunOf run{0, 0, depth_};
    Tile<T> tile{};
    tile.columns = std::min(plan_.width, job_.n - column);
    take_b(q, panels, tile);
    tile.runs = &run;
    tile.run_count = 1;
    tile.c_stride = ldc;
    tile.accumulate = job_.accumulate || !first_chunk;
    if (last_chunk) {
      tile.bias = job_.bias == nullptr ? nullptr : job_.bias + column;
      tile.activation = job_.activation;
    }
    const Rows order = job_.transpose_a ? Rows::adjacent : Rows::strided;
    const int vectors = static_cast<int>(vectors_for<T>(tile.columns));
    const std::int64_t first_row = row_of(first_block_);
    tile.row_stride = lda_;
    tile.step = lda_;
    const std::int64_t blocks = last_block_ - first_block_;
    const bool first_reader = q == first_panel_ && (whole_k_ || q == 0);
    const bool fetches_a = plan_.far_a && first_reader && packed_a_ == nullptr;
    const bool fetches_b = plan_.far_b && blocks > 1;
    if (!fetches_a && !fetches_b && is_short(tile, vectors)) return run_short(column, vectors, tile);
    for (std::int64_t i = first_block_; i < last_block_; ++i) {
      const std::int64_t row = row_of(i), rows = row_of(i + 1) - row;
      tile.c = item_.c + row * ldc + column;
      if (plan_.far_c) fetch<1>(tile.c, ldc, rows, tile.columns);
      if (fetches_a && i + 1 < last_block_) {
        const std::int64_t next_rows = row_of(i + 2) - row - rows;
        fetch<0>(a_at(row + rows), lda_, job_.transpose_a ? depth_ : next_rows, job_.transpose_a ? next_rows : depth_);
      }
      if (fetches_b) fetch_b(q, panels, i - first_block_, blocks);
      tile.a = a_at(row);
      if (packed_a_ != nullptr) {
        tile.a = packed_a_ + (row - first_row) * depth_;
        tile.step = rows;
      }
      tile_function(order, static_cast<int>(rows), vectors, T{})(tile);
    }
  }

  // Whether a panel's blocks want nothing but to be multiplied and stored.
  bool is_short(const Tile<T>& tile, int vectors) const {
    return depth_ == job_.k && depth_ <= kShortDepth && !tile.accumulate && !job_.transpose_a && !plan_.far_c &&
           !in_conflict(lda_ * static_cast<std::int64_t>(sizeof(T))) && tile.columns == vectors * kLanes<T>;
  }

  // The task's rows of such a panel in blocks as large as they come, and what rows are left.
  void run_short(std::int64_t column, int vectors, Tile<T>& tile) const {
    const std::int64_t row = row_of(first_block_), rows = row_of(last_block_) - row;
    const std::int64_t blocks = rows / max_rows<T>(vectors), rest = rows % max_rows<T>(vectors);
    tile.a = a_at(row);
    tile.c = item_.c + row * tile.c_stride + column;
    if (blocks > 0) tile_column_function(vectors, T{})(tile, blocks);
    if (rest == 0) return;
    tile.a += (rows - rest) * tile.row_stride;
    tile.c += (rows - rest) * tile.c_stride;
    tile_function(Rows::strided, static_cast<int>(rest), vectors, T{})(tile);
  }

  const Matmul<T>& job_;
  const Plan& plan_;
  const std::int64_t batch_;
  const Item<T> item_;
  const std::int64_t lda_, ldb_;
  const std::int64_t block_rows_, longer_blocks_;
  const std::int64_t first_block_, last_block_, first_panel_, last_panel_;
  const bool whole_k_;                                     // else A is near when the first column of tasks has read it
  std::int64_t first_k_ = 0, depth_ = 0, next_depth_ = 0;  // of the current chunk, and of the next
  std::int64_t packed_from_ = 0, packed_depth_;            // the rows of B that were packed: all, or those of a part
  T* packed_a_ = nullptr;
};

// ---- The choice.

// Rows [from, from + depth) of B in panels, in the workspace.
template <class T>
const T* pack_part(const Matmul<T>& job, const Plan& plan, std::int64_t from, std::int64_t depth) {
  const std::int64_t ldb = ldb_of(job);
  T* const packed = static_cast<T*>(job.workspace);
  pack_panels(job.b + (job.transpose_b ? from : from * ldb), ldb, job.transpose_b, depth, job.n, plan.width, packed);
  return packed;
}

// All tasks, on the part of k that begins with the chunk.
template <class T>
void run_tasks(const Matmul<T>& job, const Plan& plan, std::int64_t batch, const T* panels, std::int64_t chunk) {
  const std::int64_t tasks = batch * plan.row_tasks * plan.column_tasks;
  if (tasks == 1) {
    Task<T>(job, plan, 0, 0, 0).run(panels, chunk);
    return;
  }
  const std::int64_t flops = 2 * batch * job.m * job.n * job.k;
  const std::int64_t grain = std::max<std::int64_t>(1, tasks * kLeastTaskFlops / std::max<std::int64_t>(1, flops));
  parallel_for(tasks, grain, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t t = first; t < last; ++t) {
      const std::int64_t column_task = t % plan.column_tasks, above = t / plan.column_tasks;
      Task<T>(job, plan, above / plan.row_tasks, above % plan.row_tasks, column_task).run(panels, chunk);
    }
  });
}

template <class T>
void run_parts(const Matmul<T>& job, const Plan& plan) {
  const std::int64_t chunks = depth_chunks(job.k);
  for (std::int64_t chunk = 0; chunk < chunks; chunk += plan.part_chunks) {
    const std::int64_t from = cut(job.k, chunks, chunk);
    const std::int64_t depth = cut(job.k, chunks, std::min(chunks, chunk + plan.part_chunks)) - from;
    run_tasks(job, plan, 1, plan.source == Source::shared ? pack_part(job, plan, from, depth) : job.b, chunk);
  }
}

template <class T>
void matmul(const Matmul<T>& job) {
  const std::int64_t batch = batch_count(job);
  if (job.m == 0 || job.n == 0 || batch == 0) return;
  if (by_vectors(job)) {
    if (is_column(job)) {
      run_column(job);
    } else {
      run_rows(job);
    }
    return;
  }
  const Plan plan = plan_for(job);
  if (plan.part_chunks < depth_chunks(job.k)) return run_parts(job, plan);
  const T* panels = job.b;
  if (plan.source == Source::shared) panels = pack_part(job, plan, 0, job.k);
  run_tasks(job, plan, batch, panels, 0);
}

template <class T>
std::int64_t workspace(const Matmul<T>& job) {
  if (job.m == 0 || job.n == 0 || batch_count(job) == 0 || by_vectors(job)) return 0;
  const Plan plan = plan_for(job);
  return plan.source == Source::shared ? plan.packed_b_bytes : 0;
}

template <class T>
std::int64_t packed_size(std::int64_t k, std::int64_t n) {
  const std::int64_t width = packed_vectors<T>(n) * kLanes<T>;
  return ceil_div(n, width) * width * k;
}

template <class T>
void pack(const T* b, std::int64_t ldb, bool transpose_b, std::int64_t k, std::int64_t n, T* packed) {
  pack_panels(b, ldb, transpose_b, k, n, packed_vectors<T>(n) * kLanes<T>, packed);
}

template <class T>
constexpr MatmulFunctions<T> kFunctions = {&matmul<T>, &workspace<T>, &packed_size<T>, &pack<T>};

}  // namespace

void fill(MatmulKernels& kernels) { kernels = {kFunctions<float>, kFunctions<double>}; }

}  // namespace addax::kernels::ADDAX_ISA_NS
