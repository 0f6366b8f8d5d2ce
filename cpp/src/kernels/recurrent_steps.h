// What the forward and the backward pass of recurrent layers share: packed weights, the cut of the batch, gate
// functions of float64, vectors with tails.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <type_traits>

#include "base/parallel.h"
#include "kernels/microkernel.h"
#include "kernels/pack.h"
#include "kernels/recurrent.h"
#include "kernels/vmath.h"

namespace addax::kernels::ADDAX_ISA_NS {

// a / b for 1 ≤ |b| < 2^127 or so, to an ulp. Divisions of 64 bytes take ten cycles and more each.
ADDAX_INLINE VecF gate_quotient(VecF a, VecF b) {
#if defined(__AVX512F__)
  const VecF reciprocal = (VecF)_mm512_maskz_rcp14_ps(0xffff, (__m512)b), near = a * reciprocal;
  return fma(fma(-b, near, a), reciprocal, near);
#else
  return a / b;
#endif
}

// The greater, or the less, of x and a bound; NaN stays.
ADDAX_INLINE VecF at_least(VecF x, float low) {
#if defined(__AVX512F__)
  return (VecF)_mm512_maskz_max_ps(0xffff, (__m512)splat(low), (__m512)x);
#else
  return select(x < low, splat(low), x);
#endif
}
ADDAX_INLINE VecF at_most(VecF x, float high) {
#if defined(__AVX512F__)
  return (VecF)_mm512_maskz_min_ps(0xffff, (__m512)splat(high), (__m512)x);
#else
  return select(x > high, splat(high), x);
#endif
}

// Keeps the compiler from finishing one chain before it begins the next.
ADDAX_INLINE void in_step(VecF& v) {
#if defined(__x86_64__)
  asm("" : "+v"(v));
#elif defined(__aarch64__)
  asm("" : "+w"(v));
#endif
}

enum class Gate { sigmoid, tanh };

// σ and tanh as gates need them, of several vectors in step with each other, for one alone is a long chain: like
// vmath.h's to 2 ulp, but for signed zeros, |x| > 30 and results below 1e-38, and cheaper. The clamps keep 2^n finite
// where the result no longer changes; NaN goes through. With e = exp(2x) − 1, exact near 0, tanh x is e / (e + 2).
template <Gate... kinds>
ADDAX_INLINE void apply_gates(VecF (&x)[sizeof...(kinds)]) {
  constexpr int N = sizeof...(kinds);
  constexpr Gate kKinds[] = {kinds...};
  constexpr float kRound = 12582912.0f + 127.0f;  // a sum's last bits are n + 127, the exponent of 2^n
  VecF scale[N], p[N];
#pragma GCC unroll 8
  for (int i = 0; i < N; ++i) {
    x[i] = kKinds[i] == Gate::tanh ? at_most(at_least(x[i] + x[i], -20.0f), 20.0f)
                                   : at_most(at_least(-x[i], -87.0f), 88.0f);
    scale[i] = fma(x[i], splat(1.44269504f), splat(kRound));
  }
#pragma GCC unroll 8
  for (int i = 0; i < N; ++i) {
    const VecF n = scale[i] - kRound;
#if defined(__FMA__) || defined(__aarch64__)
    x[i] = fma(n, splat(-0.693147181f), x[i]);
#else  // two roundings: as in exp_parts
    x[i] = fma(n, splat(2.12194440e-4f), fma(n, splat(-0.693359375f), x[i]));
#endif
    scale[i] = as<float>(as<std::int32_t>(scale[i]) << 23);
  }
  // The polynomial of exp_parts.
  constexpr float kTerms[] = {0.00836934801f, 0.0416684076f, 0.166665152f, 0.49999994f};
#pragma GCC unroll 8
  for (int i = 0; i < N; ++i) p[i] = splat(0.00138154032f);
#pragma GCC unroll 8
  for (const float term : kTerms) {
#pragma GCC unroll 8
    for (int i = 0; i < N; ++i) {
      p[i] = fma(p[i], x[i], splat(term));
      in_step(p[i]);
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < N; ++i) p[i] = fma(p[i], x[i] * x[i], x[i]);
#pragma GCC unroll 8
  for (int i = 0; i < N; ++i) {
    if (kKinds[i] == Gate::tanh) {
      const VecF minus_one = fma(scale[i], p[i], scale[i] - 1.0f);
      x[i] = gate_quotient(minus_one, minus_one + 2.0f);
    } else {
      x[i] = gate_quotient(splat(1.0f), fma(scale[i], p[i], scale[i] + 1.0f));
    }
  }
}
ADDAX_INLINE VecF gate_tanh(VecF x) {
  VecF one[] = {x};
  apply_gates<Gate::tanh>(one);
  return one[0];
}

// float64 is there for checking gradients: one lane after the other.
ADDAX_INLINE VecD gate_tanh(VecD x) {
  for (int i = 0; i < kLanes<double>; ++i) x[i] = std::tanh(x[i]);
  return x;
}
ADDAX_INLINE VecD gate_sigmoid(VecD x) {
  for (int i = 0; i < kLanes<double>; ++i) {
    const double e = std::exp(-std::abs(x[i]));
    x[i] = (x[i] < 0 ? e : 1.0) / (1.0 + e);
  }
  return x;
}

template <Gate... kinds>
ADDAX_INLINE void apply_gates(VecD (&x)[sizeof...(kinds)]) {
  constexpr Gate kKinds[] = {kinds...};
  for (std::size_t i = 0; i < sizeof...(kinds); ++i)
    x[i] = kKinds[i] == Gate::tanh ? gate_tanh(x[i]) : gate_sigmoid(x[i]);
}

// A vector of units, the last of a row maybe partial.
template <bool whole, class T>
ADDAX_INLINE Vec<T> load_units(const T* p, std::int64_t lanes) {
  if constexpr (whole) {
    return load(p);
  } else {
    return load_partial(p, lanes);
  }
}
template <bool whole, class T>
ADDAX_INLINE void store_units(T* p, Vec<T> v, std::int64_t lanes) {
  if constexpr (whole) {
    store(p, v);
  } else {
    store_partial(p, v, lanes);
  }
}

// Rows lie a whole sequence apart, more of them than the machine's own prefetching follows: a step asks for what the
// next one reads, into L2, for L1 holds the weights.
template <class T>
ADDAX_INLINE void prefetch_later(const T* p) {
  __builtin_prefetch(p, 0, 2);
}

inline std::int64_t ceil_of(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

template <class T>
std::int64_t whole_vectors(std::int64_t n) {
  return ceil_of(n, kLanes<T>) * kLanes<T>;
}

// Elements between rows of local buffers with n values: some more than a multiple of the vector, so that rows do not
// meet in the same sets of the cache.
template <class T>
std::int64_t row_stride(std::int64_t n) {
  return whole_vectors<T>(n) + 64 / static_cast<std::int64_t>(sizeof(T));
}

// Rows of the batch that go through time together: enough to keep the multiplications busy while the weights come from
// L2 (or, if they do not fit there, from further away), few enough that several cores have work.
template <class T>
std::int64_t rows_together(const RecurrentShape& s) {
  constexpr double kLeastFlops = 1 << 21;
  constexpr std::int64_t kWeightBytes = std::int64_t{640} << 10;
  const std::int64_t weights = s.units * s.units * gate_count(s.cell);
  const double flops = 2.0 * static_cast<double>(s.batch) * static_cast<double>(s.steps) * static_cast<double>(weights);
  if (flops < kLeastFlops) return std::max<std::int64_t>(1, s.batch);
  const std::int64_t most = weights * static_cast<std::int64_t>(sizeof(T)) <= kWeightBytes ? 16 : 64;
  const std::int64_t chunks = ceil_of(s.batch, 2 * most) * 2;
  return std::max<std::int64_t>(4, ceil_of(s.batch, chunks));
}

// f(first, rows) for groups of rows that go through time together, each on one thread.
template <class T, class F>
void for_groups_of_rows(const RecurrentShape& s, const F& f) {
  const std::int64_t most = rows_together<T>(s);
  parallel_for(s.batch, most, [&](std::int64_t first, std::int64_t last) {
    // A serial region comes as one piece: it is cut here as for several threads.
    for (; first < last; first += most) f(first, std::min(most, last - first));
  });
}

// f with the kind of cell as a type: f(std::integral_constant<Cell, cell>{}).
template <class F>
void visit_cell(Cell cell, const F& f) {
  switch (cell) {
    case Cell::lstm:
      return f(std::integral_constant<Cell, Cell::lstm>{});
    case Cell::gru_after:
      return f(std::integral_constant<Cell, Cell::gru_after>{});
    case Cell::gru_before:
      return f(std::integral_constant<Cell, Cell::gru_before>{});
    case Cell::simple_tanh:
      return f(std::integral_constant<Cell, Cell::simple_tanh>{});
    case Cell::simple_relu:
      return f(std::integral_constant<Cell, Cell::simple_relu>{});
  }
}

struct Interval {
  std::int64_t first, last;
};

// Some rows of A, and where their products go: as they are, or with a bias for each of B's columns, or added to what is
// there.
template <class T>
struct RowsOf {
  const T* at;
  std::int64_t stride, rows;
};
template <class T>
struct SumsAt {
  T* at;
  std::int64_t stride;
  bool accumulate = false;
  const T* bias = nullptr;
};

// A matrix B packed in panels of `vectors` vectors of columns, `columns` vectors in all, k rows.
template <class T>
struct Panels {
  T* packed;
  std::int64_t k;
  std::int64_t columns;
  int vectors;  // of a block
  int wide;     // of a row in memory, as long as there are columns: a multiple of `vectors`

  std::int64_t count() const { return ceil_of(columns, vectors); }
  std::int64_t width(std::int64_t panel) const {
    return std::min<std::int64_t>(vectors, columns - panel * vectors) * kLanes<T>;
  }
  T* panel(std::int64_t i) const { return column(i * vectors); }
  // The first row of a vector of columns, and the elements from there to the next row.
  T* column(std::int64_t vector) const { return packed + (vector / wide * wide * k + vector % wide) * kLanes<T>; }
  std::int64_t step(std::int64_t vector) const {
    return std::min<std::int64_t>(wide, columns - vector / wide * wide) * kLanes<T>;
  }
  std::int64_t size() const { return k * columns * kLanes<T>; }

  // Asks for the beginning of a panel ahead of its product, some 150 cycles of reading from L2.
  void prefetch(std::int64_t i) const {
    const char* from = reinterpret_cast<const char*>(panel(i));
    for (std::int64_t line = 0; line < 4096; line += 64) __builtin_prefetch(from + line);
  }

  // C = A·B for the panels [first, last); C's columns begin at the first of them.
  void multiply(const RowsOf<T>& a, Interval range, const SumsAt<T>& c) const { multiply({0, k}, a, range, c); }

  // The same with some of A's columns and B's rows alone.
  void multiply(Interval inner, const RowsOf<T>& a, Interval range, const SumsAt<T>& c) const {
    RunOf run{inner.first, 0, inner.last - inner.first};
    Tile<T> tile{};
    tile.row_stride = a.stride;
    tile.runs = &run;
    tile.run_count = 1;
    tile.c_stride = c.stride;
    tile.accumulate = c.accumulate;
    const std::int64_t blocks = ceil_of(a.rows, max_rows<T>(vectors));
    for (std::int64_t p = range.first; p < range.last; ++p) {
      const std::int64_t column = p * vectors * kLanes<T>;
      tile.b = panel(p);
      tile.columns = width(p);
      tile.b_step = step(p * vectors);
      tile.bias = c.bias == nullptr ? nullptr : c.bias + column;
      run.b = inner.first * tile.b_step;
      const int nv = static_cast<int>(tile.columns / kLanes<T>);
      for (std::int64_t i = 0; i < blocks; ++i) {
        const std::int64_t row = cut(a.rows, blocks, i);
        tile.a = a.at + row * a.stride;
        tile.c = c.at + row * c.stride + column - range.first * vectors * kLanes<T>;
        tile_function(Rows::strided, static_cast<int>(cut(a.rows, blocks, i + 1) - row), nv, T{})(tile);
      }
    }
  }
};

}  // namespace addax::kernels::ADDAX_ISA_NS
