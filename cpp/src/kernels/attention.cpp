#include "kernels/attention.h"

#include <algorithm>

#include "base/build.h"
#include "base/parallel.h"
#include "base/scratch.h"
#include "kernels/microkernel.h"
#include "kernels/pack.h"
#include "kernels/row_max.h"
#include "kernels/simd.h"
#include "kernels/vmath.h"

namespace addax::kernels::ADDAX_ISA_NS {
namespace {

using std::int64_t;

// A block of scores. The gradient keeps two of them, with what is packed for them half a megabyte of L2.
constexpr int64_t kRows = 128;
constexpr int64_t kColumns = 256;
// Rows of a strip, at most: they go through all that is done to a row at once, and their scores stay in L1.
constexpr int64_t kStripRows = 16;
constexpr int64_t kWork = 1 << 18;  // multiplications worth waking a thread for

// A masked score: far below any other, and finite, so that a row of nothing else has equal weights.
template <class T>
constexpr T kMasked = static_cast<T>(sizeof(T) == 4 ? -2.3e38 : -1.2e308);

// exp of what is not positive, −∞ and NaN included. The rounding of x log₂ e costs it up to |x| ulp, which do not show
// beside the largest weight of a row. double goes to libm, lane by lane.
ADDAX_INLINE VecF exp_of(VecF x) {
  x = select(x < -104.0f, splat(-104.0f), x);
  const VecF y = x * 1.44269504f, n = round_even(y);
  return scale(exp2_of_fraction(y - n), n);
}
ADDAX_INLINE VecD exp_of(VecD x) {
  VecD y;
  for (int i = 0; i < kLanes<double>; ++i) y[i] = __builtin_exp(x[i]);
  return y;
}

template <class T>
constexpr int64_t padded(int64_t n) {
  return vectors_for<T>(n) * kLanes<T>;
}
// Rows of scores: a little more than a power of two, or a column of them would fall on few cache sets.
template <class T>
constexpr int64_t score_stride(int64_t columns) {
  return padded<T>(columns) + 64 / static_cast<int64_t>(sizeof(T));
}

int64_t blocks_of(int64_t n, int64_t most) { return (n + most - 1) / most; }

// ---- Products of blocks

// The right factor, k × columns, in panels as the microkernel reads them.
template <class T>
struct Panels {
  T* data;
  int64_t k, columns, width;

  static int64_t elements(int64_t k, int64_t columns) { return k * padded<T>(columns); }

  // B(p, j) is source[p · stride + j], or source[j · stride + p] if transposed; times factor.
  Panels(T* memory, const T* source, int64_t stride, bool transposed, int64_t k, int64_t columns, T factor = 1)
      : data(memory), k(k), columns(columns), width(choose_blocking(kRows, columns, T{}).vectors * kLanes<T>) {
    for (int64_t j = 0; j < columns; j += width) {
      const int64_t wide = std::min(width, padded<T>(columns - j));
      pack_panel(transposed ? source + j * stride : source + j, stride, transposed, data + j * k, wide, k,
                 std::min(wide, columns - j));
    }
    if (factor != 1) {
      for (int64_t i = 0; i < elements(k, columns); ++i) data[i] *= factor;
    }
  }
};

// The strips that rows are cut into: of as many rows as a block of the product that makes the scores, or two.
template <class T>
int64_t strips_of(int64_t rows, const Panels<T>& keys) {
  const int64_t block = max_rows<T>(static_cast<int>(keys.width / kLanes<T>));
  return blocks_of(rows, block < kStripRows / 2 ? 2 * block : block);
}

// The left factor: A(i, p) is data[i · stride + p], or data[p · stride + i] if the rows are adjacent.
template <class T>
struct Left {
  const T* data;
  int64_t stride;
  Rows rows;
};

// C = A B, or C += A B, with the first k products and the first `columns` columns of what was packed.
template <class T>
void multiply(int64_t rows, int64_t columns, int64_t k, const Left<T>& a, const Panels<T>& b, T* c, int64_t c_stride,
              bool accumulate) {
  const RunOf run{0, 0, k};
  for (int64_t j = 0; j < columns; j += b.width) {
    const int64_t count = std::min(b.width, columns - j);
    const int nv = static_cast<int>(vectors_for<T>(count));
    const int64_t most = max_rows<T>(nv), blocks = blocks_of(rows, most);
    for (int64_t block = 0; block < blocks; ++block) {
      const int64_t first = cut(rows, blocks, block), mr = cut(rows, blocks, block + 1) - first;
      const bool strided = a.rows == Rows::strided;
      Tile<T> tile{};
      tile.a = strided ? a.data + first * a.stride : a.data + first;
      tile.row_stride = strided ? a.stride : 1;
      tile.step = strided ? 1 : a.stride;
      tile.b = b.data + j * b.k;
      tile.b_step = std::min(b.width, padded<T>(b.columns - j));
      tile.runs = &run;
      tile.run_count = 1;
      tile.c = c + first * c_stride + j;
      tile.c_stride = c_stride;
      tile.columns = count;
      tile.accumulate = accumulate;
      tile_function(a.rows, static_cast<int>(mr), nv, T{})(tile);
    }
  }
}

template <class T>
void scale_row(T* to, const T* from, int64_t n, T factor) {
  for (int64_t i = 0; i < n; ++i) to[i] = from[i] * factor;
}

// Rows one after another, times factor: a stride of the inputs may be a power of two.
template <class T>
void copy_rows(const T* from, int64_t stride, T* to, int64_t rows, int64_t depth, T factor = 1) {
  for (int64_t i = 0; i < rows; ++i) scale_row(to + i * depth, from + i * stride, depth, factor);
}

// ---- Scores

// What of a row's scores counts, from one column on.
template <class T>
struct RowMask {
  int64_t visible;  // columns that the row sees; those after them do not count at all
  const T* bias;
  const std::uint8_t* mask;
  int64_t step;

  RowMask(const AttentionInputs<T>& in, int64_t item, int64_t head, int64_t row, int64_t column, int64_t columns)
      : visible(in.causal ? std::clamp<int64_t>(row + 1 - column, 0, columns) : columns), step(in.strides[3]) {
    const int64_t at = item * in.strides[0] + head * in.strides[1] + row * in.strides[2] + column * in.strides[3];
    bias = in.bias == nullptr ? nullptr : in.bias + at;
    mask = in.mask == nullptr ? nullptr : in.mask + at;
  }
  bool shown(int64_t i) const { return mask == nullptr || mask[i * step] != 0; }
  void apply(T* scores) const {
    if (bias != nullptr) {
      for (int64_t i = 0; i < visible; ++i) scores[i] += bias[i * step];
    }
    if (mask != nullptr) {
      for (int64_t i = 0; i < visible; ++i) scores[i] = mask[i * step] != 0 ? scores[i] : kMasked<T>;
    }
  }
  // Masked scores do not depend on anything.
  void hide(T* gradients) const {
    if (mask == nullptr) return;
    for (int64_t i = 0; i < visible; ++i) gradients[i] = mask[i * step] != 0 ? gradients[i] : T{0};
  }
};

// x becomes exp(x − shift); the sum is returned.
template <class T>
T exponentials(T* x, int64_t n, T shift) {
  constexpr int64_t lanes = kLanes<T>;
  const Vec<T> s = splat(shift);
  Vec<T> a{}, b{};
  int64_t i = 0;
  for (; i + 2 * lanes <= n; i += 2 * lanes) {
    const Vec<T> e = exp_of(load(x + i) - s), f = exp_of(load(x + i + lanes) - s);
    store(x + i, e);
    store(x + i + lanes, f);
    a += e;
    b += f;
  }
  for (; i < n; i += lanes) {
    const int64_t count = std::min(lanes, n - i);
    const Vec<T> e = exp_of((count < lanes ? load_or(x + i, count, kLeast<T>) : load(x + i)) - s);
    count < lanes ? store_partial(x + i, e, count) : store(x + i, e);
    a += e;
  }
  return reduce_add(a + b);
}

// ---- Forward. M. Milakov, N. Gimelshein, "Online normalizer calculation for softmax" (2018), alg. 3: when a later
// block of columns has a larger score, what has been added up so far is scaled down.

template <class T>
struct ForwardScratch {
  T *query, *keys, *values, *scores, *sums, *largest, *total;
  ForwardScratch(const AttentionInputs<T>& in) {
    const int64_t rows = std::min(kRows, in.rows), columns = std::min(kColumns, in.columns);
    const int64_t sizes[] = {rows * in.depth,
                             Panels<T>::elements(in.depth, columns),
                             Panels<T>::elements(columns, in.value_depth),
                             kStripRows * score_stride<T>(columns),
                             rows * in.value_depth,
                             rows,
                             rows};
    T** const parts[] = {&query, &keys, &values, &scores, &sums, &largest, &total};
    int64_t elements = 0;
    for (const int64_t size : sizes) elements += padded<T>(size) + kLanes<T>;
    T* next = thread_scratch_of<T>(0, elements);
    for (int i = 0; i < 7; ++i) {
      *parts[i] = next;
      next += padded<T>(sizes[i]) + kLanes<T>;
    }
  }
};

// Makes the row's scores weights relative to the largest so far.
template <class T>
void weigh(const RowMask<T>& mask, T* scores, int64_t columns, T& largest, T& total, T* sums, int64_t depth) {
  mask.apply(scores);
  const T most = std::max(largest, row_max(scores, mask.visible));
  // Nothing but −inf so far: any shift does.
  const T shift = most == kLeast<T> ? T{0} : most;
  const T sum = exponentials(scores, mask.visible, shift);
  std::fill(scores + mask.visible, scores + columns, T{0});
  if (largest != most && total != 0) {
    const T shrink = static_cast<T>(__builtin_exp(static_cast<double>(largest - shift)));
    total *= shrink;
    scale_row(sums, sums, depth, shrink);
  }
  total += sum;
  largest = most;
}

template <class T>
void forward_block(const Attention<T>& job, int64_t item, int64_t head, int64_t first, int64_t rows) {
  const AttentionInputs<T>& in = job.inputs;
  const int64_t depth = in.depth, value_depth = in.value_depth, key_head = head / (in.heads / in.key_heads);
  const int64_t q_stride = in.heads * depth, k_stride = in.key_heads * depth, v_stride = in.key_heads * value_depth;
  const ForwardScratch<T> s(in);
  copy_rows(in.q + (item * in.rows + first) * q_stride + head * depth, q_stride, s.query, rows, depth,
            static_cast<T>(in.scale));
  std::fill_n(s.largest, rows, kLeast<T>);
  std::fill_n(s.total, rows, T{0});
  std::fill_n(s.sums, rows * value_depth, T{0});
  const int64_t seen = in.causal ? std::min(in.columns, first + rows) : in.columns;
  const int64_t blocks = blocks_of(seen, kColumns), stride = score_stride<T>(std::min(kColumns, in.columns));
  for (int64_t block = 0; block < blocks; ++block) {
    const int64_t column = cut(seen, blocks, block), columns = cut(seen, blocks, block + 1) - column;
    const T* k = in.k + (item * in.columns + column) * k_stride + key_head * depth;
    const T* v = in.v + (item * in.columns + column) * v_stride + key_head * value_depth;
    const Panels<T> keys(s.keys, k, k_stride, true, depth, columns);
    const Panels<T> values(s.values, v, v_stride, false, columns, value_depth);
    const int64_t strips = strips_of(rows, keys);
    for (int64_t strip = 0; strip < strips; ++strip) {
      const int64_t begin = cut(rows, strips, strip), count = cut(rows, strips, strip + 1) - begin;
      multiply<T>(count, columns, depth, {s.query + begin * depth, depth, Rows::strided}, keys, s.scores, stride,
                  false);
      for (int64_t r = 0; r < count; ++r) {
        const int64_t row = begin + r;
        weigh(RowMask<T>(in, item, head, first + row, column, columns), s.scores + r * stride, columns, s.largest[row],
              s.total[row], s.sums + row * value_depth, value_depth);
      }
      multiply<T>(count, value_depth, columns, {s.scores, stride, Rows::strided}, values, s.sums + begin * value_depth,
                  value_depth, true);
    }
  }
  for (int64_t r = 0; r < rows; ++r) {
    const bool hidden = (in.hide_empty && s.largest[r] == kMasked<T>) || in.columns == 0;
    const T inverse = hidden ? T{0} : 1 / s.total[r];
    T* const statistics = job.statistics + ((item * in.heads + head) * in.rows + first + r) * 2;
    statistics[0] = s.largest[r];
    statistics[1] = inverse;
    scale_row(job.out + ((item * in.rows + first + r) * in.heads + head) * value_depth, s.sums + r * value_depth,
              value_depth, inverse);
  }
}

int64_t units_at_once(int64_t work) { return std::max<int64_t>(1, kWork / std::max<int64_t>(1, work)); }

template <class T>
void forward(const Attention<T>& job) {
  const AttentionInputs<T>& in = job.inputs;
  const int64_t blocks = blocks_of(in.rows, kRows);
  const int64_t work = std::min(kRows, in.rows) * in.columns * (in.depth + in.value_depth);
  parallel_for(in.batch * in.heads * blocks, units_at_once(work), [&](int64_t begin, int64_t end) {
    for (int64_t unit = begin; unit < end; ++unit) {
      const int64_t block = unit % blocks, head = unit / blocks % in.heads, item = unit / blocks / in.heads;
      const int64_t first = cut(in.rows, blocks, block);
      forward_block(job, item, head, first, cut(in.rows, blocks, block + 1) - first);
    }
  });
}

// ---- Gradient. With P the weights and dP = dout vᵀ:  dv = Pᵀ dout,  dS = P ∘ (dP − Σ_columns P ∘ dP),  dq = scale dS
// k, dk = scale dSᵀ q;  Σ_columns P ∘ dP = dout · out. The weights are computed anew, block by block (T. Dao et al.,
// "FlashAttention" (2022), alg. 4). A unit is a key head, so that only one thread adds to its dk and dv.

template <class T>
struct GradientScratch {
  T *keys, *values, *keys_as_rows, *query, *query_panels, *dout, *dout_panels, *scores, *slopes;
  GradientScratch(const AttentionInputs<T>& in) {
    const int64_t rows = std::min(kRows, in.rows), columns = std::min(kColumns, in.columns);
    const int64_t sizes[] = {Panels<T>::elements(in.depth, columns),
                             Panels<T>::elements(in.value_depth, columns),
                             Panels<T>::elements(columns, in.depth),
                             rows * in.depth,
                             Panels<T>::elements(rows, in.depth),
                             rows * in.value_depth,
                             Panels<T>::elements(rows, in.value_depth),
                             rows * score_stride<T>(columns),
                             rows * score_stride<T>(columns)};
    T** const parts[] = {&keys, &values, &keys_as_rows, &query, &query_panels, &dout, &dout_panels, &scores, &slopes};
    int64_t elements = 0;
    for (const int64_t size : sizes) elements += padded<T>(size) + kLanes<T>;
    T* next = thread_scratch_of<T>(0, elements);
    for (int i = 0; i < 9; ++i) {
      *parts[i] = next;
      next += padded<T>(sizes[i]) + kLanes<T>;
    }
  }
};

template <class T>
T dot(const T* a, const T* b, int64_t n) {
  constexpr int64_t lanes = kLanes<T>;
  Vec<T> sum{};
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) sum = fma(load(a + i), load(b + i), sum);
  if (i < n) sum = fma(load_partial(a + i, n - i), load_partial(b + i, n - i), sum);
  return reduce_add(sum);
}

// scores → weights, slopes (dP) → dS.
template <class T>
void slope_row(const RowMask<T>& mask, T* scores, T* slopes, int64_t columns, const T* statistics, T level) {
  constexpr int64_t lanes = kLanes<T>;
  mask.apply(scores);
  const Vec<T> largest = splat(statistics[0]), inverse = splat(statistics[1]), mean = splat(level);
  int64_t i = 0;
  for (; i + lanes <= mask.visible; i += lanes) {
    const Vec<T> p = exp_of(load(scores + i) - largest) * inverse;
    store(scores + i, p);
    store(slopes + i, p * (load(slopes + i) - mean));
  }
  if (i < mask.visible) {
    const int64_t n = mask.visible - i;
    const Vec<T> p = exp_of(load_partial(scores + i, n) - largest) * inverse;
    store_partial(scores + i, p, n);
    store_partial(slopes + i, p * (load_partial(slopes + i, n) - mean), n);
  }
  mask.hide(slopes);
  std::fill(scores + mask.visible, scores + columns, T{0});
  std::fill(slopes + mask.visible, slopes + columns, T{0});
}

// A block of columns, packed.
template <class T>
struct Columns {
  int64_t first, count;
  Panels<T> keys, values, keys_as_rows;
};

template <class T>
void gradient_block(const AttentionGradient<T>& job, const GradientScratch<T>& s, const Columns<T>& block, int64_t item,
                    int64_t head, int64_t first, int64_t rows) {
  const AttentionInputs<T>& in = job.inputs;
  const int64_t depth = in.depth, value_depth = in.value_depth, key_head = head / (in.heads / in.key_heads);
  const int64_t q_stride = in.heads * depth, out_stride = in.heads * value_depth;
  const int64_t q_at = (item * in.rows + first) * q_stride + head * depth;
  const int64_t out_at = (item * in.rows + first) * out_stride + head * value_depth;
  const int64_t columns = in.causal ? std::min(block.count, first + rows - block.first) : block.count;
  const int64_t stride = score_stride<T>(std::min(kColumns, in.columns));
  copy_rows(in.q + q_at, q_stride, s.query, rows, depth, static_cast<T>(in.scale));
  copy_rows(job.dout + out_at, out_stride, s.dout, rows, value_depth);
  const Panels<T> query(s.query_panels, s.query, depth, false, rows, depth);
  const Panels<T> dout(s.dout_panels, s.dout, value_depth, false, rows, value_depth);

  const int64_t strips = strips_of(rows, block.keys);
  for (int64_t strip = 0; strip < strips; ++strip) {
    const int64_t begin = cut(rows, strips, strip), end = cut(rows, strips, strip + 1);
    T *const scores = s.scores + begin * stride, *const slopes = s.slopes + begin * stride;
    multiply<T>(end - begin, columns, depth, {s.query + begin * depth, depth, Rows::strided}, block.keys, scores,
                stride, false);
    multiply<T>(end - begin, columns, value_depth, {s.dout + begin * value_depth, value_depth, Rows::strided},
                block.values, slopes, stride, false);
    for (int64_t r = begin; r < end; ++r) {
      const int64_t row = first + r;
      slope_row(RowMask<T>(in, item, head, row, block.first, columns), s.scores + r * stride, s.slopes + r * stride,
                columns, job.statistics + ((item * in.heads + head) * in.rows + row) * 2,
                dot(s.dout + r * value_depth, job.out + out_at + r * out_stride, value_depth));
    }
    multiply<T>(end - begin, depth, columns, {slopes, stride, Rows::strided}, block.keys_as_rows,
                job.dq + q_at + begin * q_stride, q_stride, block.first > 0);
  }
  const int64_t k_stride = in.key_heads * depth, v_stride = in.key_heads * value_depth;
  const int64_t position = item * in.columns + block.first;
  multiply<T>(columns, value_depth, rows, {s.scores, stride, Rows::adjacent}, dout,
              job.dv + position * v_stride + key_head * value_depth, v_stride, true);
  multiply<T>(columns, depth, rows, {s.slopes, stride, Rows::adjacent}, query,
              job.dk + position * k_stride + key_head * depth, k_stride, true);
}

template <class T>
void clear_rows(T* x, int64_t stride, int64_t rows, int64_t depth) {
  for (int64_t i = 0; i < rows; ++i) std::fill_n(x + i * stride, depth, T{0});
}

template <class T>
void gradient_head(const AttentionGradient<T>& job, int64_t item, int64_t key_head) {
  const AttentionInputs<T>& in = job.inputs;
  const int64_t depth = in.depth, value_depth = in.value_depth, shared = in.heads / in.key_heads;
  const int64_t k_stride = in.key_heads * depth, v_stride = in.key_heads * value_depth;
  const int64_t k_at = item * in.columns * k_stride + key_head * depth;
  const int64_t v_at = item * in.columns * v_stride + key_head * value_depth;
  clear_rows(job.dk + k_at, k_stride, in.columns, depth);
  clear_rows(job.dv + v_at, v_stride, in.columns, value_depth);
  if (in.columns == 0) {
    for (int64_t head = key_head * shared; head < (key_head + 1) * shared; ++head)
      clear_rows(job.dq + item * in.rows * in.heads * depth + head * depth, in.heads * depth, in.rows, depth);
  }
  const GradientScratch<T> s(in);
  const int64_t blocks = blocks_of(in.columns, kColumns), row_blocks = blocks_of(in.rows, kRows);
  for (int64_t block = 0; block < blocks; ++block) {
    const int64_t first = cut(in.columns, blocks, block), count = cut(in.columns, blocks, block + 1) - first;
    const T *k = in.k + k_at + first * k_stride, *v = in.v + v_at + first * v_stride;
    const T scale = static_cast<T>(in.scale);
    const Columns<T> columns{first, count, Panels<T>(s.keys, k, k_stride, true, depth, count),
                             Panels<T>(s.values, v, v_stride, true, value_depth, count),
                             Panels<T>(s.keys_as_rows, k, k_stride, false, count, depth, scale)};
    for (int64_t head = key_head * shared; head < (key_head + 1) * shared; ++head) {
      for (int64_t row_block = 0; row_block < row_blocks; ++row_block) {
        const int64_t row = cut(in.rows, row_blocks, row_block), end = cut(in.rows, row_blocks, row_block + 1);
        if (in.causal && end <= first) continue;  // rows that see nothing of these columns
        gradient_block(job, s, columns, item, head, row, end - row);
      }
    }
  }
}

template <class T>
void gradient(const AttentionGradient<T>& job) {
  const AttentionInputs<T>& in = job.inputs;
  const int64_t work =
      in.heads / std::max<int64_t>(1, in.key_heads) * in.rows * in.columns * (in.depth + in.value_depth);
  parallel_for(in.batch * in.key_heads, units_at_once(3 * work), [&](int64_t begin, int64_t end) {
    for (int64_t unit = begin; unit < end; ++unit) gradient_head(job, unit / in.key_heads, unit % in.key_heads);
  });
}

template <class T>
AttentionOf<T> functions() {
  return {forward<T>, for_training(gradient<T>)};
}

}  // namespace

void fill(AttentionKernels& table) {
  table.f32 = functions<float>();
  if constexpr (kFloat64) fill_float64(table);
}

}  // namespace addax::kernels::ADDAX_ISA_NS

// double serves gradient checks: compiled once, which keeps the library small.
#if defined(ADDAX_FLOAT64_HERE)
namespace addax::kernels {
void fill_float64(AttentionKernels& table) { table.f64 = ADDAX_ISA_NS::functions<double>(); }
}  // namespace addax::kernels
#endif
