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

// exp(x) = scale · (p + 1) as gates need it, for −87 ≤ x ≤ 88: shorter than exp_parts, and for |x| > 30 less exact.
struct GateExp {
  VecF scale, p;
};
template <int sign>
ADDAX_INLINE GateExp gate_exp(VecF x) {
  // The sum's last bits are n + 127, the exponent of 2^n.
  constexpr float kSign = sign, kRound = 12582912.0f + 127.0f;
  const VecF shifted = fma(x, splat(kSign * 1.44269504f), splat(kRound));
  const VecF n = shifted - kRound;
#if defined(__FMA__) || defined(__aarch64__)
  const VecF r = fma(n, splat(-0.693147181f), kSign * x);
#else  // two roundings: as in exp_parts
  const VecF r = fma(n, splat(2.12194440e-4f), fma(n, splat(-0.693359375f), kSign * x));
#endif
  const VecF q = horner(r, 0.49999994f, 0.166665152f, 0.0416684076f, 0.00836934801f, 0.00138154032f);
  return {as<float>(as<std::int32_t>(shifted) << 23), fma(q, r * r, r)};
}

// a / b for 1 ≤ |b| < 2^127 or so, to an ulp. Divisions of 64 bytes take ten cycles and more each.
ADDAX_INLINE VecF gate_quotient(VecF a, VecF b) {
#if defined(__AVX512F__)
  const VecF reciprocal = (VecF)_mm512_maskz_rcp14_ps(0xffff, (__m512)b), near = a * reciprocal;
  return fma(fma(-b, near, a), reciprocal, near);
#else
  return a / b;
#endif
}

// σ and tanh as gates need them: like vmath.h's to 2 ulp, but for signed zeros, |x| > 30 and results below 1e-38, and
// cheaper. The clamps keep 2^n finite where the result no longer changes; NaN goes through.
ADDAX_INLINE VecF gate_sigmoid(VecF x) {
  const GateExp e = gate_exp<-1>(clamp_keeping_nan(x, -88.0f, 87.0f));
  return gate_quotient(splat(1.0f), fma(e.scale, e.p, e.scale + 1.0f));
}
// With e = exp(2x) − 1, which is exact near 0: tanh x = e / (e + 2).
ADDAX_INLINE VecF gate_tanh(VecF x) {
  const GateExp e = gate_exp<1>(2.0f * clamp_keeping_nan(x, -10.0f, 10.0f));
  const VecF minus_one = fma(e.scale, e.p, e.scale - 1.0f);
  return gate_quotient(minus_one, minus_one + 2.0f);
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

struct Range {
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
struct Sums {
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
  void multiply(const RowsOf<T>& a, Range range, const Sums<T>& c) const { multiply({0, k}, a, range, c); }

  // The same with some of A's columns and B's rows alone.
  void multiply(Range inner, const RowsOf<T>& a, Range range, const Sums<T>& c) const {
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
