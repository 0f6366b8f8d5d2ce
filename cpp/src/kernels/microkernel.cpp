#include "kernels/microkernel.h"

#include <algorithm>
#include <array>
#include <utility>

#include "kernels/epilogue.h"

namespace addax::kernels::ADDAX_ISA_NS {
namespace {

// Stops the compiler from turning a few row pointers and a stride into a pointer per row, which would spill.
template <class T>
ADDAX_INLINE void keep(const T*& p) {
  asm("" : "+r"(p));
}

// The inner loop. Rows::strided reaches the rows from every third one: x86 adds a register times 1 or 2 for free.
template <class T, int MR, int NV, Rows R, bool kPartial>
ADDAX_INLINE void multiply(Vec<T> (&acc)[MR][NV], const T* a, std::int64_t row_stride, std::int64_t step, const T* b,
                           std::int64_t b_step, std::int64_t k, std::int64_t last_lanes) {
  constexpr int W = kLanes<T>;
  constexpr int kGroups = (MR + 2) / 3;
  const T* p[kGroups];
  for (int g = 0; g < kGroups; ++g) p[g] = R == Rows::strided ? a + 3 * g * row_stride : a;
  const auto once = [&](int u) __attribute__((always_inline)) {
    Vec<T> bv[NV];
#pragma GCC unroll 4
    for (int v = 0; v < NV; ++v)
      bv[v] = kPartial && v == NV - 1 ? load_partial(b + v * W, last_lanes) : load(b + v * W);
#pragma GCC unroll 16
    for (int i = 0; i < MR; ++i) {
      const T* row = R == Rows::strided ? p[i / 3] + (i % 3) * row_stride + u : p[0] + i;
      const Vec<T> av = splat(*row);
#pragma GCC unroll 4
      for (int v = 0; v < NV; ++v) acc[i][v] += av * bv[v];
    }
    b += b_step;
    keep(b);
  };
  if constexpr (R == Rows::strided) {
    std::int64_t n = k;
    for (; n >= 4; n -= 4) {
      once(0);
      once(1);
      once(2);
      once(3);
#pragma GCC unroll 8
      for (int g = 0; g < kGroups; ++g) {
        p[g] += 4;
        keep(p[g]);
      }
    }
    for (; n > 0; --n) {
      once(0);
#pragma GCC unroll 8
      for (int g = 0; g < kGroups; ++g) {
        p[g] += 1;
        keep(p[g]);
      }
    }
  } else {
#pragma GCC unroll 2
    for (std::int64_t n = 0; n < k; ++n) {
      once(0);
      p[0] += step;
    }
  }
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
  T* c = t.c;
  const auto finish = [&](auto accumulate, auto bias, auto activated) __attribute__((always_inline)) {
#pragma GCC unroll 4
    for (int v = 0; v < NV; ++v) {
      const bool whole = v < NV - 1 || last == W;
      Vec<T> add{};
      if (bias) add = whole ? load(t.bias + v * W) : load_partial(t.bias + v * W, last);
#pragma GCC unroll 16
      for (int i = 0; i < MR; ++i) {
        T* at = c + i * t.c_stride + v * W;
        Vec<T> x = acc[i][v];
        if (accumulate) x += whole ? load(at) : load_partial(at, last);
        if (bias) x += add;
        if (activated) x = activate(x, t.activation);
        if (whole) {
          store(at, x);
        } else {
          store_partial(at, x, last);
        }
      }
    }
  };
  using Yes = std::true_type;
  using No = std::false_type;
  if (t.bias == nullptr && t.activation == Activation::none) {
    if (t.accumulate) {
      finish(Yes{}, No{}, No{});
    } else {
      finish(No{}, No{}, No{});
    }
  } else {
    // Rarely the last of many passes over C: the tests below cost little beside it.
    finish(t.accumulate, t.bias != nullptr, Yes{});
  }
}

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

Blocking choose_blocking(std::int64_t m, std::int64_t n, float, int preferred) {
  return choose<float>(m, n, preferred);
}
Blocking choose_blocking(std::int64_t m, std::int64_t n, double, int preferred) {
  return choose<double>(m, n, preferred);
}

}  // namespace addax::kernels::ADDAX_ISA_NS
