#include "kernels/reduce.h"

#include "base/parallel.h"
#include "kernels/simd.h"

// One routine stands under all: `accumulate_rows` folds rows of equal stride into a tile of column accumulators. A
// reduction of the leading axes is that; one of the trailing axis is the same with the run cut into rows of kRowWidth,
// the tile folded at the end; a narrow matrix is read as a wide one of several rows side by side.
namespace addax::kernels::ADDAX_ISA_NS {
namespace {

using std::int64_t;

constexpr int64_t kTile = 1024;    // columns whose accumulators stay in the first cache
constexpr int64_t kRowWidth = 64;  // columns that a contiguous run is dealt to
constexpr int64_t kBlockRows =
    16;  // floats added one after the other before their sum moves to double: relative error < 16 · 2⁻²⁴ < 1e-6
constexpr int64_t kSmallRun = 24;  // shorter runs are folded one element after the other
constexpr int64_t kPieces = 16;    // into how many pieces one large reduction is cut for the threads
constexpr int64_t kGrain = 1 << 15;

constexpr int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }
constexpr int64_t larger(int64_t a, int64_t b) { return a > b ? a : b; }

// An operation says what it accumulates in (A), where it starts, how it takes an element and how two accumulators join.
template <class T>
struct Sum {
  using A = std::conditional_t<std::is_floating_point_v<T>, double,
                               std::make_unsigned_t<std::conditional_t<std::is_floating_point_v<T>, int, T>>>;
  static constexpr A start() { return A{0}; }
  static ADDAX_INLINE A take(A a, T x) { return static_cast<A>(a + static_cast<A>(x)); }
  static ADDAX_INLINE A join(A a, A b) { return static_cast<A>(a + b); }
};
template <class T>
struct Product {
  using A = typename Sum<T>::A;
  static constexpr A start() { return A{1}; }
  static ADDAX_INLINE A take(A a, T x) { return static_cast<A>(a * static_cast<A>(x)); }
  static ADDAX_INLINE A join(A a, A b) { return static_cast<A>(a * b); }
};
template <class T>
constexpr T lowest_of() {
  if constexpr (std::is_floating_point_v<T>)
    return -static_cast<T>(__builtin_inf());
  else if constexpr (std::is_unsigned_v<T>)
    return 0;
  else
    return static_cast<T>(std::make_unsigned_t<T>{1} << (8 * sizeof(T) - 1));
}
template <class T>
constexpr T highest_of() {
  if constexpr (std::is_floating_point_v<T>)
    return static_cast<T>(__builtin_inf());
  else
    return static_cast<T>(~lowest_of<T>());
}
template <class T>
struct Max {
  using A = T;
  static constexpr A start() { return lowest_of<T>(); }
  template <class V>
  static ADDAX_INLINE V take(V a, V x) {
    return max_nan(a, x);
  }
  static ADDAX_INLINE A join(A a, A b) { return max_nan(a, b); }
};
template <class T>
struct Min {
  using A = T;
  static constexpr A start() { return highest_of<T>(); }
  template <class V>
  static ADDAX_INLINE V take(V a, V x) {
    return min_nan(a, x);
  }
  static ADDAX_INLINE A join(A a, A b) { return min_nan(a, b); }
};

// The operations whose inner loop runs on vectors of T: kBlockRows rows are combined in registers, then joined to the
// accumulators.
template <class Op, class T>
inline constexpr bool kInRegisters = std::is_same_v<Op, Max<T>> || std::is_same_v<Op, Min<T>> ||
                                     (std::is_same_v<Op, Sum<T>> && std::is_floating_point_v<T>);

template <class Op, class V>
ADDAX_INLINE V combine(V a, V x) {
  if constexpr (std::is_same_v<Op, Sum<Lane<V>>>) {
    return a + x;
  } else {
    return Op::take(a, x);
  }
}

// Rows [0, rows) ≤ kBlockRows of U vectors each, starting at x, combined into part.
template <class Op, class T, int U>
ADDAX_INLINE void combine_block(const T* x, int64_t rows, int64_t stride, T* part) {
  Vec<T> a[U];
  for (int u = 0; u < U; ++u) a[u] = load(x + u * kLanes<T>);
  for (int64_t r = 1; r < rows; ++r) {
    const T* row = x + r * stride;
    for (int u = 0; u < U; ++u) a[u] = combine<Op>(a[u], load(row + u * kLanes<T>));
  }
  for (int u = 0; u < U; ++u) store(part + u * kLanes<T>, a[u]);
}

// The same for whole vectors of rows that lie apart: four rows are read from end to end at a time, which keeps few
// streams of memory open.
template <class Op, class T>
ADDAX_INLINE void combine_apart(const T* x, int64_t rows, int64_t stride, int64_t width, T* part) {
  constexpr int64_t lanes = kLanes<T>;
  int64_t r = 0;
  for (; r + 4 <= rows; r += 4, x += 4 * stride) {
    for (int64_t c = 0; c < width; c += lanes) {
      const Vec<T> a = combine<Op>(load(x + c), load(x + stride + c));
      const Vec<T> b = combine<Op>(load(x + 2 * stride + c), load(x + 3 * stride + c));
      const Vec<T> four = combine<Op>(a, b);
      store(part + c, r == 0 ? four : combine<Op>(load(part + c), four));
    }
  }
  for (; r < rows; ++r, x += stride) {
    for (int64_t c = 0; c < width; c += lanes)
      store(part + c, r == 0 ? load(x + c) : combine<Op>(load(part + c), load(x + c)));
  }
}

template <class Op, class T>
ADDAX_INLINE void combine_tail(const T* x, int64_t rows, int64_t stride, int64_t width, T* part) {
  Vec<T> a = load_partial(x, width);
  for (int64_t r = 1; r < rows; ++r) a = combine<Op>(a, load_partial(x + r * stride, width));
  store_partial(part, a, width);
}

// acc[c] takes x[r · stride + c] for all r < rows, c < width ≤ kTile.
template <class Op, class T>
void accumulate_rows(const T* x, int64_t rows, int64_t stride, int64_t width, typename Op::A* acc) {
  if constexpr (kInRegisters<Op, T>) {
    constexpr int64_t lanes = kLanes<T>;
    alignas(64) T part[kTile];
    for (int64_t first = 0; first < rows; first += kBlockRows, x += kBlockRows * stride) {
      const int64_t block = smaller(kBlockRows, rows - first);
      int64_t c = 0;
      if (stride > width) {
        c = width / lanes * lanes;
        combine_apart<Op>(x, block, stride, c, part);
      }
      for (; c + 4 * lanes <= width; c += 4 * lanes) combine_block<Op, T, 4>(x + c, block, stride, part + c);
      for (; c + lanes <= width; c += lanes) combine_block<Op, T, 1>(x + c, block, stride, part + c);
      if (c < width) combine_tail<Op>(x + c, block, stride, width - c, part + c);
      for (int64_t k = 0; k < width; ++k) acc[k] = Op::join(acc[k], static_cast<typename Op::A>(part[k]));
    }
  } else {
    for (int64_t r = 0; r < rows; ++r, x += stride) {
      for (int64_t k = 0; k < width; ++k) acc[k] = Op::take(acc[k], x[k]);
    }
  }
}

template <class Op>
void join_rows(typename Op::A* acc, const typename Op::A* other, int64_t n) {
  for (int64_t k = 0; k < n; ++k) acc[k] = Op::join(acc[k], other[k]);
}

// The kRowWidth accumulators of a contiguous run become one.
template <class Op>
typename Op::A fold_row(typename Op::A* acc) {
  for (int64_t half = kRowWidth / 2; half > 0; half /= 2) {
    for (int64_t k = 0; k < half; ++k) acc[k] = Op::join(acc[k], acc[k + half]);
  }
  return acc[0];
}

// Runs up to this length are folded without accumulators in memory.
template <class Op, class T>
inline constexpr int64_t kShortRun = kInRegisters<Op, T> ? 4 * kBlockRows * kLanes<T> : kSmallRun;

// A run of at least a vector and at most kShortRun elements, in four vectors.
template <class Op, class T>
ADDAX_INLINE typename Op::A short_run(const T* x, int64_t n) {
  constexpr int64_t lanes = kLanes<T>;
  const Vec<T> start = splat(static_cast<T>(Op::start()));
  Vec<T> a[4] = {start, start, start, start};
  int64_t i = 0;
  for (; i + 4 * lanes <= n; i += 4 * lanes) {
    for (int u = 0; u < 4; ++u) a[u] = combine<Op>(a[u], load(x + i + u * lanes));
  }
  for (; i + lanes <= n; i += lanes) a[0] = combine<Op>(a[0], load(x + i));
  if (i < n) {
    const auto inside = lane_index<MaskLane<T>>() < static_cast<MaskLane<T>>(n - i);
    a[1] = combine<Op>(a[1], select(inside, load_partial(x + i, n - i), start));
  }
  const Vec<T> all = combine<Op>(combine<Op>(a[0], a[1]), combine<Op>(a[2], a[3]));
  return static_cast<typename Op::A>(reduce_lanes(all, [](T p, T q) { return static_cast<T>(Op::join(p, q)); }));
}

// Runs next to each other, each at most kShortRun long. Very short ones go eight at a time: eight chains hide the
// latency of one.
template <class Op, class T>
void short_rows(const T* x, int64_t rows, int64_t n, typename Op::A* results) {
  using A = typename Op::A;
  int64_t row = 0;
  if constexpr (kInRegisters<Op, T>) {
    if (n >= kSmallRun) {
      for (; row < rows; ++row, x += n) results[row] = short_run<Op>(x, n);
      return;
    }
  }
  if constexpr (std::is_floating_point_v<T>) {
    for (; row + 8 <= rows; row += 8, x += 8 * n) {
      A a[8];
      for (A& v : a) v = Op::start();
      for (int64_t i = 0; i < n; ++i) {
        for (int k = 0; k < 8; ++k) a[k] = Op::take(a[k], x[k * n + i]);
      }
      for (int k = 0; k < 8; ++k) results[row + k] = a[k];
    }
  }
  for (; row < rows; ++row, x += n) {
    A a = Op::start();
    for (int64_t i = 0; i < n; ++i) a = Op::take(a, x[i]);
    results[row] = a;
  }
}

// What the walks below need of an operation. Called through pointers, so that they exist once per type and not once per
// operation.
template <class T, class A>
struct Rules {
  A start;
  void (*accumulate_rows)(const T* x, int64_t rows, int64_t stride, int64_t width, A* acc);
  void (*join_rows)(A* acc, const A* other, int64_t n);
  A (*fold_row)(A* acc);
  void (*short_rows)(const T* x, int64_t rows, int64_t n, A* results);
  int64_t short_run;  // the longest that short_rows takes
  double divisor;

  void restart(A* acc, int64_t n) const {
    for (int64_t k = 0; k < n; ++k) acc[k] = start;
  }
  void finish(const A* acc, T* out, int64_t n) const {
    if constexpr (std::is_floating_point_v<T>) {
      if (divisor != 1) {
        for (int64_t k = 0; k < n; ++k) out[k] = static_cast<T>(acc[k] / static_cast<A>(divisor));
        return;
      }
    }
    for (int64_t k = 0; k < n; ++k) out[k] = static_cast<T>(acc[k]);
  }
  // n contiguous elements dealt to kRowWidth accumulators.
  void accumulate_run(const T* x, int64_t n, A* acc) const {
    const int64_t rows = n / kRowWidth;
    if (rows > 0) accumulate_rows(x, rows, kRowWidth, kRowWidth, acc);
    if (n % kRowWidth != 0) accumulate_rows(x + rows * kRowWidth, 1, kRowWidth, n % kRowWidth, acc);
  }
};

template <class Op, class T>
Rules<T, typename Op::A> rules_of(double divisor = 1) {
  return {Op::start(),       accumulate_rows<Op, T>, join_rows<Op>, fold_row<Op>,
          short_rows<Op, T>, kShortRun<Op, T>,       divisor};
}

// Offset of the element with row-major number `number` in the first `count` groups.
int64_t offset_of(const ReduceLayout::Group* groups, int count, int64_t number) {
  int64_t offset = 0;
  for (int g = count - 1; g >= 0; --g) {
    offset += number % groups[g].size * groups[g].stride;
    number /= groups[g].size;
  }
  return offset;
}

int64_t size_of_groups(const ReduceLayout::Group* groups, int count) {
  int64_t size = 1;
  for (int g = 0; g < count; ++g) size *= groups[g].size;
  return size;
}

// ---- The contiguous axis is reduced: every output is made of `rows` runs of n elements.

struct Runs {
  const ReduceLayout& layout;
  int outer_count;  // reduced groups before the contiguous one
  int64_t rows, n;
  explicit Runs(const ReduceLayout& l)
      : layout(l),
        outer_count(l.reduced_count - 1),
        rows(size_of_groups(l.reduced, outer_count)),
        n(l.reduced[outer_count].size) {}
  int64_t offset(int64_t row) const { return offset_of(layout.reduced, outer_count, row); }
};

// Elements [from, to) of the runs [first, last).
template <class T, class A>
A reduce_runs(const T* x, const Runs& r, int64_t first, int64_t last, int64_t from, int64_t to,
              const Rules<T, A>& rules) {
  alignas(64) A acc[kRowWidth];
  rules.restart(acc, kRowWidth);
  for (int64_t row = first; row < last; ++row) rules.accumulate_run(x + r.offset(row) + from, to - from, acc);
  return rules.fold_row(acc);
}

// One output with much to combine: pieces of the rows, or of each run, side by side; joined in order.
template <class T, class A>
A reduce_in_pieces(const T* x, const Runs& r, const Rules<T, A>& rules) {
  A pieces[kPieces];
  const int64_t length = (r.n + kPieces * kRowWidth - 1) / (kPieces * kRowWidth) * kRowWidth;
  parallel_for(kPieces, 1, [&](int64_t first, int64_t last) {
    for (int64_t p = first; p < last; ++p) {
      if (r.rows >= kPieces) {
        pieces[p] = reduce_runs(x, r, p * r.rows / kPieces, (p + 1) * r.rows / kPieces, 0, r.n, rules);
      } else {
        const int64_t from = smaller(p * length, r.n), to = smaller(from + length, r.n);
        pieces[p] = reduce_runs(x, r, 0, r.rows, from, to, rules);
      }
    }
  });
  for (int64_t p = 1; p < kPieces; ++p) rules.join_rows(pieces, pieces + p, 1);
  return pieces[0];
}

// Outputs [first, last), whose runs follow each other in memory and are short.
template <class T, class A>
void reduce_short_runs(const T* x, T* out, int64_t first, int64_t last, int64_t n, const Rules<T, A>& rules) {
  alignas(64) A results[kTile];
  for (; first < last; first += kTile) {
    const int64_t count = smaller(kTile, last - first);
    rules.short_rows(x + first * n, count, n, results);
    rules.finish(results, out + first, count);
  }
}

template <class T, class A>
void reduce_trailing(const T* x, T* out, const ReduceLayout& l, const Rules<T, A>& rules) {
  const Runs runs(l);
  if (l.outputs < 8 && l.reduced_size >= 4 * kGrain) {
    for (int64_t o = 0; o < l.outputs; ++o) {
      const A a = reduce_in_pieces(x + offset_of(l.kept, l.kept_count, o), runs, rules);
      rules.finish(&a, out + o, 1);
    }
    return;
  }
  const bool short_runs = runs.n <= rules.short_run && runs.rows == 1 && l.kept_count <= 1;
  parallel_for(l.outputs, larger(1, kGrain / larger(1, l.reduced_size)), [&](int64_t first, int64_t last) {
    if (short_runs) return reduce_short_runs(x, out, first, last, runs.n, rules);
    for (int64_t o = first; o < last; ++o) {
      const A a = reduce_runs(x + offset_of(l.kept, l.kept_count, o), runs, 0, runs.rows, 0, runs.n, rules);
      rules.finish(&a, out + o, 1);
    }
  });
}

// ---- The contiguous axis is kept: rows of `inner` columns are added up.

// Rows [first, last) of the reduced groups, columns [0, width) from x on.
template <class T, class A>
void accumulate_wide(const T* x, const ReduceLayout& l, int64_t first, int64_t last, int64_t width, A* acc,
                     const Rules<T, A>& rules) {
  const auto innermost = l.reduced[l.reduced_count - 1];
  while (first < last) {
    const int64_t rows = smaller(innermost.size - first % innermost.size, last - first);
    rules.accumulate_rows(x + offset_of(l.reduced, l.reduced_count, first), rows, innermost.stride, width, acc);
    first += rows;
  }
}

// A contiguous matrix of few columns, rows [first, last): as many rows as make up a good width are read as one.
template <class T, class A>
void accumulate_narrow(const T* x, int64_t first, int64_t last, int64_t inner, A* acc, const Rules<T, A>& rules) {
  const int64_t together = 2 * kRowWidth / inner, wide = together * inner;
  alignas(64) A sums[2 * kRowWidth];
  rules.restart(sums, wide);
  const int64_t rows = (last - first) / together, rest = (last - first) % together;
  if (rows > 0) rules.accumulate_rows(x + first * inner, rows, wide, wide, sums);
  if (rest > 0) rules.accumulate_rows(x + (first + rows * together) * inner, 1, wide, rest * inner, sums);
  for (int64_t t = 0; t < together; ++t) rules.join_rows(acc, sums + t * inner, inner);
}

template <class T, class A>
void accumulate_columns(const T* x, const ReduceLayout& l, int64_t first, int64_t last, int64_t width, A* acc,
                        const Rules<T, A>& rules) {
  const int64_t inner = l.kept[l.kept_count - 1].size;
  rules.restart(acc, width);
  if (inner <= kRowWidth && l.reduced_count == 1 && l.reduced[0].stride == inner) {
    accumulate_narrow(x, first, last, inner, acc, rules);
  } else {
    accumulate_wide(x, l, first, last, width, acc, rules);
  }
}

// A tile of `width` outputs with much to combine: pieces of the rows side by side, joined in order.
template <class T, class A>
void reduce_columns_in_pieces(const T* x, T* out, const ReduceLayout& l, int64_t width, const Rules<T, A>& rules) {
  alignas(64) A acc[kPieces][kTile];
  parallel_for(kPieces, 1, [&](int64_t first, int64_t last) {
    for (int64_t p = first; p < last; ++p) {
      accumulate_columns(x, l, p * l.reduced_size / kPieces, (p + 1) * l.reduced_size / kPieces, width, acc[p], rules);
    }
  });
  for (int64_t p = 1; p < kPieces; ++p) rules.join_rows(acc[0], acc[p], width);
  rules.finish(acc[0], out, width);
}

template <class T, class A>
void reduce_columns(const T* x, T* out, const ReduceLayout& l, int64_t width, const Rules<T, A>& rules) {
  alignas(64) A acc[kTile];
  accumulate_columns(x, l, 0, l.reduced_size, width, acc, rules);
  rules.finish(acc, out, width);
}

template <class T, class A>
void reduce_leading(const T* x, T* out, const ReduceLayout& l, const Rules<T, A>& rules) {
  const int64_t inner = l.kept[l.kept_count - 1].size, tiles = (inner + kTile - 1) / kTile;
  const int64_t units = l.outputs / inner * tiles, work = l.reduced_size * smaller(inner, kTile);
  const bool pieces = units < 8 && work >= 4 * kGrain;
  const auto run = [&](int64_t first, int64_t last) {
    for (int64_t unit = first; unit < last; ++unit) {
      const int64_t o = unit / tiles, column = unit % tiles * kTile, width = smaller(kTile, inner - column);
      const T* from = x + offset_of(l.kept, l.kept_count - 1, o) + column;
      T* to = out + o * inner + column;
      pieces ? reduce_columns_in_pieces(from, to, l, width, rules) : reduce_columns(from, to, l, width, rules);
    }
  };
  if (pieces) return run(0, units);
  parallel_for(units, larger(1, kGrain / work), run);
}

template <class T, class A>
void reduce(const T* x, T* out, const ReduceLayout& l, const Rules<T, A>& rules) {
  if (l.outputs == 0) return;
  if (l.reduced_size == 0) {
    for (int64_t o = 0; o < l.outputs; ++o) rules.finish(&rules.start, out + o, 1);
  } else if (l.reduced_count == 0) {
    for (int64_t o = 0; o < l.outputs; ++o) out[o] = x[o];
  } else if (l.last_is_kept) {
    reduce_leading(x, out, l, rules);
  } else {
    reduce_trailing(x, out, l, rules);
  }
}

template <class T>
void sum(const T* x, T* out, const ReduceLayout& l, double divisor) {
  reduce(x, out, l, rules_of<Sum<T>, T>(divisor));
}
template <class T>
void prod(const T* x, T* out, const ReduceLayout& l) {
  reduce(x, out, l, rules_of<Product<T>, T>());
}
template <class T>
void max(const T* x, T* out, const ReduceLayout& l) {
  reduce(x, out, l, rules_of<Max<T>, T>());
}
template <class T>
void min(const T* x, T* out, const ReduceLayout& l) {
  reduce(x, out, l, rules_of<Min<T>, T>());
}

// ---- argmax, argmin

// The first element equal to the extremum, or the first NaN: the extremum is NaN exactly if there is one.
template <class Op, class T>
std::int32_t first_extremum(const T* x, int64_t n) {
  alignas(64) T acc[kRowWidth];
  const auto rules = rules_of<Op, T>();
  rules.restart(acc, kRowWidth);
  rules.accumulate_run(x, n, acc);
  const T best = rules.fold_row(acc);
  int64_t i = 0;
  if (best == best) {
    while (x[i] != best) ++i;
  } else {
    while (x[i] == x[i]) ++i;
  }
  return static_cast<std::int32_t>(i);
}

template <class Op, class T>
void first_extremum_of_columns(const T* x, std::int32_t* out, int64_t size, int64_t inner, int64_t width) {
  T best[kRowWidth];
  for (int64_t k = 0; k < width; ++k) {
    best[k] = x[k];
    out[k] = 0;
  }
  for (int64_t i = 1; i < size; ++i) {
    const T* row = x + i * inner;
    for (int64_t k = 0; k < width; ++k) {
      const T next = Op::take(best[k], row[k]);  // the one before stays among equals and once it is NaN
      const bool replaced = (next != best[k]) & (best[k] == best[k]);
      best[k] = next;
      out[k] = replaced ? static_cast<std::int32_t>(i) : out[k];
    }
  }
}

template <class Op, class T>
void arg_extremum(const T* x, std::int32_t* out, int64_t outer, int64_t size, int64_t inner) {
  const int64_t tiles = (inner + kRowWidth - 1) / kRowWidth;
  const int64_t work = size * smaller(inner, kRowWidth);
  parallel_for(outer * tiles, larger(1, kGrain / larger(1, work)), [&](int64_t first, int64_t last) {
    for (int64_t unit = first; unit < last; ++unit) {
      const int64_t o = unit / tiles, column = unit % tiles * kRowWidth;
      if (inner == 1) {
        out[o] = first_extremum<Op>(x + o * size, size);
      } else {
        first_extremum_of_columns<Op>(x + o * size * inner + column, out + o * inner + column, size, inner,
                                      smaller(kRowWidth, inner - column));
      }
    }
  });
}

template <class T>
ReduceOf<T> functions() {
  return {sum<T>, prod<T>, max<T>, min<T>, arg_extremum<Max<T>, T>, arg_extremum<Min<T>, T>};
}

}  // namespace

void fill(ReduceKernels& table) {
  table.f32 = functions<float>();
  fill_other_types(table);
}

}  // namespace addax::kernels::ADDAX_ISA_NS

// Types other than float do without the wider instruction sets: compiled once, which keeps the library small.
#if defined(ADDAX_LOWEST_ISA)
namespace addax::kernels {
void fill_other_types(ReduceKernels& table) {
  using namespace ADDAX_ISA_NS;
#if defined(ADDAX_FLOAT64_HERE)
  table.f64 = functions<double>();
#endif
  table.i32 = functions<std::int32_t>();
  table.i64 = functions<std::int64_t>();
  table.u8 = functions<std::uint8_t>();
}
}  // namespace addax::kernels
#endif
