#include "kernels/softmax.h"

#include <algorithm>
#include <cstring>

#include "base/build.h"
#include "base/parallel.h"
#include "kernels/pack.h"
#include "kernels/row_max.h"
#include "kernels/simd.h"
#include "kernels/vmath.h"

namespace addax::kernels::ADDAX_ISA_NS {
namespace {

using std::int64_t;

constexpr int64_t kGrain = 1 << 13;  // exponentials worth waking a thread for
constexpr int64_t kBlock = 512;      // terms added in float before their sum moves to double

// float has vector functions; double goes to libm, lane by lane.
template <class F>
ADDAX_INLINE VecD by_lane(VecD x, const F& f) {
  VecD y;
  for (int i = 0; i < kLanes<double>; ++i) y[i] = f(x[i]);
  return y;
}
ADDAX_INLINE VecF exp_of(VecF x) { return exp(x); }
ADDAX_INLINE VecF log_of(VecF x) { return log(x); }
ADDAX_INLINE VecF log1p_of(VecF x) { return log1p(x); }
ADDAX_INLINE VecD exp_of(VecD x) {
  return by_lane(x, [](double v) { return __builtin_exp(v); });
}
ADDAX_INLINE VecD log_of(VecD x) {
  return by_lane(x, [](double v) { return __builtin_log(v); });
}
ADDAX_INLINE VecD log1p_of(VecD x) {
  return by_lane(x, [](double v) { return __builtin_log1p(v); });
}

// What is subtracted before exp: the largest element where that is finite, else 0 (infinities and NaN then come out by
// themselves).
template <class T>
ADDAX_INLINE T shift_of(T largest) {
  return largest - largest == 0 ? largest : T{0};
}

// Σ exp(x_i - shift); with `keep`, the terms are left in y.
template <bool keep, class T>
double row_sum_exp(const T* x, T* y, int64_t n, T shift) {
  constexpr int64_t lanes = kLanes<T>;
  const Vec<T> s = splat(shift);
  double total = 0;
  for (int64_t first = 0; first < n; first += kBlock) {
    const int64_t last = n - first < kBlock ? n : first + kBlock;
    Vec<T> sum = zero<T>();
    int64_t i = first;
    for (; i + lanes <= last; i += lanes) {
      const Vec<T> e = exp_of(load(x + i) - s);
      if constexpr (keep) store(y + i, e);
      sum += e;
    }
    if (i < last) {
      const Vec<T> e = exp_of(load_or(x + i, last - i, kLeast<T>) - s);
      if constexpr (keep) store_partial(y + i, e, last - i);
      sum += e;
    }
    total += static_cast<double>(reduce_add(sum));
  }
  return total;
}

template <class T>
T row_logsumexp(const T* x, int64_t n) {
  const T shift = shift_of(row_max(x, n));
  return shift + static_cast<T>(__builtin_log(row_sum_exp<false>(x, static_cast<T*>(nullptr), n, shift)));
}

// Calls f(vector) on the row's elements and stores what it gives in y; x may be y.
template <class T, class F>
ADDAX_INLINE void map_row(const T* x, T* y, int64_t n, const F& f) {
  constexpr int64_t lanes = kLanes<T>;
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) store(y + i, f(load(x + i)));
  if (i < n) store_partial(y + i, f(load_partial(x + i, n - i)), n - i);
}

template <class T>
void softmax_row(const T* x, T* y, int64_t n) {
  // Not shift_of: a row whose largest element is infinite or NaN has no softmax, and inf - inf says so.
  const double sum = row_sum_exp<true>(x, y, n, row_max(x, n));
  const Vec<T> scale = splat(static_cast<T>(1 / sum));
  map_row(y, y, n, [&](Vec<T> e) { return e * scale; });
}

template <class T>
void log_softmax_row(const T* x, T* y, int64_t n) {
  const T largest = row_max(x, n);
  const Vec<T> shift = splat(largest);
  const Vec<T> log_sum =
      splat(static_cast<T>(__builtin_log(row_sum_exp<false>(x, static_cast<T*>(nullptr), n, largest))));
  map_row(x, y, n, [&](Vec<T> v) { return v - shift - log_sum; });
}

// ---- Along another axis than the last: a vector of neighbouring columns at a time, `n` of them in use.

template <class T>
struct Columns {
  const T* x;
  int64_t size, inner, n;
  ADDAX_INLINE Vec<T> at(int64_t i) const {
    return n == kLanes<T> ? load(x + i * inner) : load_partial(x + i * inner, n);
  }
  Vec<T> max() const {
    Vec<T> m = splat(kLeast<T>);
    for (int64_t i = 0; i < size; ++i) m = larger(at(i), m);
    return m;
  }
  Vec<T> sum_exp(Vec<T> shift) const {
    Vec<T> sum = zero<T>();
    for (int64_t i = 0; i < size; ++i) sum += exp_of(at(i) - shift);
    return sum;
  }
};

template <class T>
ADDAX_INLINE void store_columns(T* y, Vec<T> v, int64_t n) {
  n == kLanes<T> ? store(y, v) : store_partial(y, v, n);
}

template <class T>
void softmax_columns(const Columns<T>& c, T* y) {
  const Vec<T> shift = c.max();
  Vec<T> sum = zero<T>();
  for (int64_t i = 0; i < c.size; ++i) {
    const Vec<T> e = exp_of(c.at(i) - shift);
    store_columns(y + i * c.inner, e, c.n);
    sum += e;
  }
  const Vec<T> scale = T{1} / sum;
  const Columns<T> terms{y, c.size, c.inner, c.n};
  for (int64_t i = 0; i < c.size; ++i) store_columns(y + i * c.inner, terms.at(i) * scale, c.n);
}

template <class T>
void log_softmax_columns(const Columns<T>& c, T* y) {
  const Vec<T> shift = c.max();
  const Vec<T> log_sum = log_of(c.sum_exp(shift));
  for (int64_t i = 0; i < c.size; ++i) store_columns(y + i * c.inner, c.at(i) - shift - log_sum, c.n);
}

template <class T>
void logsumexp_columns(const Columns<T>& c, T* y) {
  const Vec<T> largest = c.max();
  const Vec<T> shift = select(largest - largest == T{0}, largest, zero<T>());
  store_columns(y, shift + log_of(c.sum_exp(shift)), c.n);
}

// ---- Short rows, a class each: as many rows at a time as a vector has lanes, transposed.

constexpr int64_t kShort = 32;

template <class T>
constexpr bool is_short(int64_t size) {
  return sizeof(T) == 4 && size <= kShort;
}

template <class T>
class ShortRows {
 public:
  explicit ShortRows(int64_t size) : size_(size) {}
  // n rows, at most a vector's lanes.
  Columns<T> columns(const T* x, int64_t n) {
    transpose_into(x, size_, block_, kLanes<T>, n, size_);
    return {block_, size_, kLanes<T>, kLanes<T>};
  }
  T* results() { return results_; }
  // The results as n rows of y.
  void write(T* y, int64_t n) {
    transpose_into(results_, kLanes<T>, block_, size_, size_, n);  // runs over the end of the last row
    std::memcpy(y, block_, static_cast<std::size_t>(n * size_) * sizeof(T));
  }

 private:
  int64_t size_;
  alignas(64) T block_[(kShort + 1) * kLanes<T>];
  alignas(64) T results_[kShort * kLanes<T>];
};

// f(first row, number of rows) for blocks of rows.
template <class T, class F>
void for_row_blocks(int64_t rows, int64_t size, const F& f) {
  constexpr int64_t lanes = kLanes<T>;
  const int64_t blocks = (rows + lanes - 1) / lanes;
  parallel_for(blocks, std::max<int64_t>(1, kGrain / std::max<int64_t>(1, size * lanes)),
               [&](int64_t first, int64_t last) {
                 for (int64_t block = first; block < last; ++block)
                   f(block * lanes, std::min(lanes, rows - block * lanes));
               });
}

// y = function of the rows of x, by its form for columns.
template <class T, class F>
void map_short_rows(const T* x, T* y, int64_t rows, int64_t size, const F& columns) {
  for_row_blocks<T>(rows, size, [&](int64_t first, int64_t n) {
    ShortRows<T> block(size);
    columns(block.columns(x + first * size, n), block.results());
    block.write(y + first * size, n);
  });
}

// Calls row(o) for each line if inner is 1, else columns(o, first column, number of columns).
template <class T, class Row, class Column>
ADDAX_INLINE void along(int64_t outer, int64_t size, int64_t inner, const Row& row, const Column& column) {
  constexpr int64_t lanes = kLanes<T>;
  if (inner == 1) {
    parallel_for(outer, std::max<int64_t>(1, kGrain / std::max<int64_t>(1, size)), [&](int64_t first, int64_t last) {
      for (int64_t o = first; o < last; ++o) row(o);
    });
    return;
  }
  const int64_t vectors = (inner + lanes - 1) / lanes;
  parallel_for(outer * vectors, std::max<int64_t>(1, kGrain / std::max<int64_t>(1, size * lanes)),
               [&](int64_t first, int64_t last) {
                 for (int64_t unit = first; unit < last; ++unit) {
                   const int64_t k = unit % vectors * lanes;
                   column(unit / vectors, k, inner - k < lanes ? inner - k : lanes);
                 }
               });
}

template <class T>
void softmax(const T* x, T* y, int64_t outer, int64_t size, int64_t inner) {
  if (inner == 1 && is_short<T>(size)) return map_short_rows(x, y, outer, size, softmax_columns<T>);
  along<T>(
      outer, size, inner, [&](int64_t o) { softmax_row(x + o * size, y + o * size, size); },
      [&](int64_t o, int64_t k, int64_t n) {
        const int64_t at = o * size * inner + k;
        softmax_columns(Columns<T>{x + at, size, inner, n}, y + at);
      });
}

template <class T>
void log_softmax(const T* x, T* y, int64_t outer, int64_t size, int64_t inner) {
  if (inner == 1 && is_short<T>(size)) return map_short_rows(x, y, outer, size, log_softmax_columns<T>);
  along<T>(
      outer, size, inner, [&](int64_t o) { log_softmax_row(x + o * size, y + o * size, size); },
      [&](int64_t o, int64_t k, int64_t n) {
        const int64_t at = o * size * inner + k;
        log_softmax_columns(Columns<T>{x + at, size, inner, n}, y + at);
      });
}

template <class T>
void logsumexp(const T* x, T* y, int64_t outer, int64_t size, int64_t inner) {
  along<T>(
      outer, size, inner, [&](int64_t o) { y[o] = row_logsumexp(x + o * size, size); },
      [&](int64_t o, int64_t k, int64_t n) {
        logsumexp_columns(Columns<T>{x + o * size * inner + k, size, inner, n}, y + o * inner + k);
      });
}

// ---- Cross-entropies

// log Σ exp(x − largest) and the largest, of each row of a block.
template <class T>
struct ShortSums {
  T largest[kLanes<T>], log_sum[kLanes<T>];
  explicit ShortSums(const Columns<T>& c) {
    const Vec<T> m = c.max();
    store(largest, m);
    store(log_sum, log_of(c.sum_exp(m)));
  }
};

template <class T, class Label>
void sparse_cross_entropy_short(const T* logits, const Label* labels, T* out, int64_t rows, int64_t classes) {
  for_row_blocks<T>(rows, classes, [&](int64_t first, int64_t n) {
    ShortRows<T> block(classes);
    const ShortSums<T> sums(block.columns(logits + first * classes, n));
    for (int64_t i = 0; i < n; ++i) {
      const int64_t r = first + i;
      out[r] = sums.log_sum[i] - (logits[r * classes + labels[r]] - sums.largest[i]);
    }
  });
}

template <class T, class Label>
void sparse_cross_entropy(const T* logits, const Label* labels, T* out, int64_t rows, int64_t classes) {
  if (is_short<T>(classes)) return sparse_cross_entropy_short(logits, labels, out, rows, classes);
  parallel_for(rows, std::max<int64_t>(1, kGrain / std::max<int64_t>(1, classes)), [&](int64_t first, int64_t last) {
    for (int64_t r = first; r < last; ++r) {
      const T* row = logits + r * classes;
      const T largest = row_max(row, classes);
      const double log_sum = __builtin_log(row_sum_exp<false>(row, static_cast<T*>(nullptr), classes, largest));
      out[r] = static_cast<T>(log_sum - (static_cast<double>(row[labels[r]]) - static_cast<double>(largest)));
    }
  });
}

template <class T>
T cross_entropy_row(const T* x, const T* t, int64_t n) {
  constexpr int64_t lanes = kLanes<T>;
  const T largest = row_max(x, n);
  const T log_sum = static_cast<T>(__builtin_log(row_sum_exp<false>(x, static_cast<T*>(nullptr), n, largest)));
  const Vec<T> shift = splat(largest), rest = splat(log_sum);
  const auto terms = [&](Vec<T> v, Vec<T> target) {
    return select(target == T{0}, zero<T>(), target * (rest - (v - shift)));
  };
  double total = 0;
  for (int64_t first = 0; first < n; first += kBlock) {
    const int64_t last = n - first < kBlock ? n : first + kBlock;
    Vec<T> sum = zero<T>();
    int64_t i = first;
    for (; i + lanes <= last; i += lanes) sum += terms(load(x + i), load(t + i));
    if (i < last) sum += terms(load_partial(x + i, last - i), load_partial(t + i, last - i));
    total += static_cast<double>(reduce_add(sum));
  }
  return static_cast<T>(total);
}

template <class T>
void cross_entropy(const T* logits, const T* targets, T* out, int64_t rows, int64_t classes) {
  parallel_for(rows, std::max<int64_t>(1, kGrain / std::max<int64_t>(1, classes)), [&](int64_t first, int64_t last) {
    for (int64_t r = first; r < last; ++r) {
      out[r] = cross_entropy_row(logits + r * classes, targets + r * classes, classes);
    }
  });
}

template <class T>
ADDAX_INLINE Vec<T> sigmoid_cross_entropy_of(Vec<T> x, Vec<T> t) {
  return relu_of(x) - x * t + log1p_of(exp_of(-abs(x)));
}

template <class T>
void sigmoid_cross_entropy(const T* x, const T* t, T* out, int64_t n) {
  constexpr int64_t lanes = kLanes<T>;
  parallel_for(n, kGrain, [&](int64_t first, int64_t last) {
    int64_t i = first;
    for (; i + lanes <= last; i += lanes) store(out + i, sigmoid_cross_entropy_of<T>(load(x + i), load(t + i)));
    if (i < last) {
      const int64_t rest = last - i;
      store_partial(out + i, sigmoid_cross_entropy_of<T>(load_partial(x + i, rest), load_partial(t + i, rest)), rest);
    }
  });
}

template <class T>
SoftmaxOf<T> functions() {
  return {softmax<T>,
          log_softmax<T>,
          logsumexp<T>,
          sparse_cross_entropy<T, std::int32_t>,
          sparse_cross_entropy<T, std::int64_t>,
          cross_entropy<T>,
          sigmoid_cross_entropy<T>};
}

}  // namespace

void fill(SoftmaxKernels& table) {
  table.f32 = functions<float>();
  if constexpr (kFloat64) fill_float64(table);
}

}  // namespace addax::kernels::ADDAX_ISA_NS

// double serves gradient checks: compiled once, which keeps the library small.
#if defined(ADDAX_FLOAT64_HERE)
namespace addax::kernels {
void fill_float64(SoftmaxKernels& table) { table.f64 = ADDAX_ISA_NS::functions<double>(); }
}  // namespace addax::kernels
#endif
