#include "kernels/microkernel.h"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "kernels/bounds.h"
#include "kernels/epilogue.h"
#include "kernels/tile_column.h"

namespace addax::kernels::ADDAX_ISA_NS {
namespace {

// Stops the compiler from turning a few row pointers and a stride into a pointer per row, which would spill.
template <class T>
ADDAX_INLINE void keep(const T*& p) {
  asm("" : "+r"(p));
}

// acc += a * b. AVX2 has as many registers as a block needs and none to spare: left to itself the compiler moves sums
// between them and loads B again for each row (64^3: 6.2 us instead of 5.1).
template <class V>
ADDAX_INLINE void add_product(V& acc, V a, V b) {
#if defined(__AVX2__) && defined(__FMA__) && !defined(__AVX512F__)
  if constexpr (sizeof(Lane<V>) == 4) {
    asm("vfmadd231ps %2, %1, %0" : "+x"(acc) : "x"(a), "x"(b));
    return;
  }
#endif
  acc += a * b;
}

// Rows of B, at `b` and then every b_step, times as many columns of A. Four turns are written out: with two, AVX-512
// loses up to 7 %. Partial: the last vector of B has so many lanes; few turns, at the end of B, so they are not.
// Rows::strided reaches the rows from every third one: x86 adds a register times 1 or 2 for free.
template <class T, int MR, int NV, Rows R, bool kPartial>
ADDAX_INLINE void multiply(Vec<T> (&acc)[MR][NV], const T* a, std::int64_t row_stride, std::int64_t step, const T* b,
                           std::int64_t b_step, std::int64_t k, std::int64_t last_lanes) {
  constexpr int W = kLanes<T>;
  constexpr int kGroups = R == Rows::strided ? (MR + 2) / 3 : 1;
  constexpr int kTurns = kPartial ? 1 : R == Rows::adjacent ? 2 : 4;
  const T* p[kGroups];
  for (int g = 0; g < kGroups; ++g) p[g] = a + 3 * g * row_stride;
  const auto once = [&](int u) __attribute__((always_inline)) {
    Vec<T> bv[NV];
#pragma GCC unroll 4
    for (int v = 0; v < NV; ++v)
      bv[v] = kPartial && v == NV - 1 ? load_partial(b + v * W, last_lanes) : load(b + v * W);
#pragma GCC unroll 16
    for (int i = 0; i < MR; ++i) {
      const T* row = R == Rows::strided ? p[i / 3] + (i % 3) * row_stride + u : p[0] + u * step + i;
      const Vec<T> av = splat(*row);
#pragma GCC unroll 4
      for (int v = 0; v < NV; ++v) add_product(acc[i][v], av, bv[v]);
    }
    b += b_step;
    keep(b);
  };
  const auto advance = [&](std::int64_t turns) __attribute__((always_inline)) {
#pragma GCC unroll 8
    for (int g = 0; g < kGroups; ++g) {
      p[g] += R == Rows::strided ? turns : turns * step;
      keep(p[g]);
    }
  };
  std::int64_t n = k;
  if constexpr (kTurns > 1) {
    for (; n >= kTurns; n -= kTurns) {
#pragma GCC unroll 4
      for (int u = 0; u < kTurns; ++u) once(u);
      advance(kTurns);
    }
  }
#pragma GCC unroll 1
  for (; n > 0; --n) {
    once(0);
    advance(1);
  }
}

// What is added to the products and how they are bounded, one after the other on the registers, then the stores: each
// stands in the code once, whatever a block needs of them.
template <class T, int MR, int NV>
ADDAX_INLINE void finish(Vec<T> (&acc)[MR][NV], const Tile<T>& t, std::int64_t last) {
  constexpr int W = kLanes<T>;
  const auto column = [&](int v, auto&& each) __attribute__((always_inline)) {
#pragma GCC unroll 16
    for (int i = 0; i < MR; ++i) each(acc[i][v], t.c + i * t.c_stride + v * W);
  };
  const auto for_all = [&](auto&& each_whole, auto&& each_partial) __attribute__((always_inline)) {
#pragma GCC unroll 4
    for (int v = 0; v < NV - 1; ++v) column(v, each_whole);
    if (last == W) {
      column(NV - 1, each_whole);
    } else {
      column(NV - 1, each_partial);
    }
  };
  if (t.accumulate) {
    for_all(
        [](Vec<T> & x, const T* at) __attribute__((always_inline)) { x += load(at); },
        [&](Vec<T> & x, const T* at) __attribute__((always_inline)) { x += load_partial(at, last); });
  }
  if (t.bias != nullptr) {
#pragma GCC unroll 4
    for (int v = 0; v < NV; ++v) {
      const T* from = t.bias + v * W;
      const Vec<T> bias = v < NV - 1 || last == W ? load(from) : load_partial(from, last);
      column(v, [&](Vec<T> & x, const T*) __attribute__((always_inline)) { x += bias; });
    }
  }
  if (t.activation != Activation::none) {
    const Vec<T> ceiling = Vec<T>{} + (t.activation == Activation::relu6 ? T{6} : std::numeric_limits<T>::infinity());
#pragma GCC unroll 4
    for (int v = 0; v < NV; ++v) {
      column(
          v, [&](Vec<T> & x, const T*) __attribute__((always_inline)) {
            x = relu_of(x);
            x = x > ceiling ? ceiling : x;
          });
    }
  }
  for_all(
      [](Vec<T> & x, T * at) __attribute__((always_inline)) { store(at, x); },
      [&](Vec<T> & x, T * at) __attribute__((always_inline)) { store_partial(at, x, last); });
}

template <class T, int MR, int NV, Rows R>
void tile(const Tile<T>& t) {
  constexpr int W = kLanes<T>;
  Vec<T> acc[MR][NV] = {};
  const std::int64_t last = t.columns - (NV - 1) * W;
  for (std::int64_t r = 0; r < t.run_count; ++r) {
    const RunOf run = t.runs[r];
    const T* b = t.b + run.b;
    std::int64_t whole = run.k;
    if (t.b_end != nullptr) {
      const std::int64_t room = t.b_end - b - NV * W;
      whole = room < 0 ? 0 : std::min(run.k, room / t.b_step + 1);
    }
    multiply<T, MR, NV, R, false>(acc, t.a + run.a, t.row_stride, t.step, b, t.b_step, whole, W);
    if (whole < run.k) {
      const T* a = t.a + run.a + whole * (R == Rows::strided ? 1 : t.step);
      multiply<T, MR, NV, R, true>(acc, a, t.row_stride, t.step, b + whole * t.b_step, t.b_step, run.k - whole, last);
    }
  }
  finish<T, MR, NV>(acc, t, last);
}

template <class T, int NV>
void tile_column(const Tile<T>& t, std::int64_t blocks) {
  constexpr int W = kLanes<T>, MR = max_rows<T>(NV);
  const std::int64_t row_stride = t.row_stride, b_step = t.b_step, c_stride = t.c_stride, k = t.runs[0].k;
  const T* a = t.a + t.runs[0].a;
  const T* const b = t.b + t.runs[0].b;
  T* c = t.c;
  const Bounds<Vec<T>> bounds(t.activation);
  Vec<T> bias[NV];
#pragma GCC unroll 4
  for (int v = 0; v < NV; ++v) bias[v] = t.bias == nullptr ? splat(T{-0.0}) : load(t.bias + v * W);
  for (; blocks > 0; --blocks) {
    Vec<T> acc[MR][NV] = {};
    multiply<T, MR, NV, Rows::strided, false>(acc, a, row_stride, 1, b, b_step, k, W);
#pragma GCC unroll 16
    for (int i = 0; i < MR; ++i) {
#pragma GCC unroll 4
      for (int v = 0; v < NV; ++v) store(c + i * c_stride + v * W, bounds(acc[i][v] + bias[v]));
    }
    a += MR * row_stride;
    c += MR * c_stride;
  }
}

template <class T, int... I>
constexpr std::array<TileColumnFunction<T>, kMaxVectors<T>> column_instances(std::integer_sequence<int, I...>) {
  return {&tile_column<T, I + 1>...};
}
template <class T>
constexpr auto kColumnFunctions = column_instances<T>(std::make_integer_sequence<int, kMaxVectors<T>>{});

template <class T, int NV, Rows R, int... I>
constexpr std::array<TileFunction<T>, 14> row_instances(std::integer_sequence<int, I...>) {
  return {&tile<T, I + 1, NV, R>...};
}

template <class T, int NV, Rows R>
constexpr std::array<TileFunction<T>, 14> column_instances() {
  if constexpr (NV <= kMaxVectors<T>) {
    return row_instances<T, NV, R>(std::make_integer_sequence<int, max_rows<T>(NV)>{});
  } else {
    return {};
  }
}

template <class T, Rows R>
constexpr std::array<std::array<TileFunction<T>, 14>, 4> kInstances = {
    column_instances<T, 1, R>(), column_instances<T, 2, R>(), column_instances<T, 3, R>(), column_instances<T, 4, R>()};

template <class T>
TileFunction<T> find(Rows rows, int mr, int nv) {
  const auto& table = rows == Rows::strided ? kInstances<T, Rows::strided> : kInstances<T, Rows::adjacent>;
  return table[static_cast<std::size_t>(nv - 1)][static_cast<std::size_t>(mr - 1)];
}

// Half cycles per k of a block: two multiplications or two loads a cycle, and a chain of additions that waits 4 cycles.
std::int64_t cost(std::int64_t mr, std::int64_t nv) { return std::max<std::int64_t>({mr * nv, mr + nv, 8}); }

template <class T>
Blocking choose(std::int64_t m, std::int64_t n, int preferred) {
  const std::int64_t vectors = std::max<std::int64_t>(1, vectors_for<T>(n));
  Blocking best{1, std::max<std::int64_t>(1, m)};
  std::int64_t least = -1;
  for (int nv = static_cast<int>(std::min<std::int64_t>(kMaxVectors<T>, vectors)); nv >= 1; --nv) {
    // The last panel may be narrower and could take more rows, but the cut of the rows is the same for all.
    const std::int64_t blocks = (m + max_rows<T>(nv) - 1) / max_rows<T>(nv);
    if (blocks == 0) return {nv, 1};
    const std::int64_t low = m / blocks, high_count = m % blocks;
    const auto panel = [&](std::int64_t width) {
      return (blocks - high_count) * cost(low, width) + high_count * cost(low + 1, width);
    };
    std::int64_t total = vectors / nv * panel(nv);
    if (vectors % nv != 0) total += panel(vectors % nv);
    if (least < 0 || total < least || (total == least && nv == preferred)) {
      least = total;
      best = {nv, blocks};
    }
  }
  return best;
}

}  // namespace

TileFunction<float> tile_function(Rows rows, int mr, int nv, float) { return find<float>(rows, mr, nv); }
TileFunction<double> tile_function(Rows rows, int mr, int nv, double) { return find<double>(rows, mr, nv); }

TileColumnFunction<float> tile_column_function(int nv, float) {
  return kColumnFunctions<float>[static_cast<std::size_t>(nv - 1)];
}
TileColumnFunction<double> tile_column_function(int nv, double) {
  return kColumnFunctions<double>[static_cast<std::size_t>(nv - 1)];
}

Blocking choose_blocking(std::int64_t m, std::int64_t n, float, int preferred) {
  return choose<float>(m, n, preferred);
}
Blocking choose_blocking(std::int64_t m, std::int64_t n, double, int preferred) {
  return choose<double>(m, n, preferred);
}

}  // namespace addax::kernels::ADDAX_ISA_NS
