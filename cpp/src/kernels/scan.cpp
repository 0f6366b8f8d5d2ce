#include "kernels/scan.h"

#include <algorithm>
#include <type_traits>

#include "base/parallel.h"

namespace addax::kernels {
namespace {

using std::int64_t;

// What a running result of T is kept in.
template <class T>
using Accumulator = std::conditional_t<std::is_floating_point_v<T>, double, std::uint64_t>;

struct Plus {
  static constexpr int neutral = 0;
  template <class A>
  static A apply(A a, A b) {
    return a + b;
  }
};
struct Times {
  static constexpr int neutral = 1;
  template <class A>
  static A apply(A a, A b) {
    return a * b;
  }
};

// Columns [c, c + width) of one outer block, width ≤ kTile: the running results of a tile stay in the first cache.
constexpr int64_t kTile = 64;

template <class Op, class T>
void scan_tile(const T* x, T* out, int64_t width, const ScanLayout& l) {
  using A = Accumulator<T>;
  A running[kTile];
  std::fill_n(running, width, A{Op::neutral});
  const int64_t step = l.reverse ? -l.inner : l.inner;
  int64_t at = l.reverse ? (l.size - 1) * l.inner : 0;
  for (int64_t i = 0; i < l.size; ++i, at += step) {
    for (int64_t k = 0; k < width; ++k) {
      const A next = Op::apply(running[k], static_cast<A>(x[at + k]));
      out[at + k] = static_cast<T>(l.exclusive ? running[k] : next);
      running[k] = next;
    }
  }
}

// Calls tile(offset of the first column, number of columns) for each tile of each outer block.
template <class F>
void for_each_tile(const ScanLayout& l, const F& tile) {
  const int64_t tiles = (l.inner + kTile - 1) / kTile;
  const int64_t each = std::max<int64_t>(1, l.size * std::min(l.inner, kTile));
  parallel_for(l.outer * tiles, std::max<int64_t>(1, 32768 / each), [&](int64_t first, int64_t last) {
    for (int64_t unit = first; unit < last; ++unit) {
      const int64_t column = unit % tiles * kTile;
      tile(unit / tiles * l.size * l.inner + column, std::min(kTile, l.inner - column));
    }
  });
}

template <class Op, class T>
void scan(const T* x, T* out, const ScanLayout& l) {
  for_each_tile(l, [&](int64_t at, int64_t width) { scan_tile<Op>(x + at, out + at, width, l); });
}

template <class T>
void recurrence_tile(const T* decay, const T* x, T* out, int64_t width, const ScanLayout& l) {
  double running[kTile] = {};
  const int64_t step = l.reverse ? -l.inner : l.inner;
  int64_t at = l.reverse ? (l.size - 1) * l.inner : 0;
  for (int64_t i = 0; i < l.size; ++i, at += step) {
    const T* factor = decay + (l.reverse ? at + l.inner : at);
    for (int64_t k = 0; k < width; ++k) {
      // The first element has no predecessor, and in reverse no decay to read.
      const double carried = i == 0 ? 0 : static_cast<double>(factor[k]) * running[k];
      running[k] = static_cast<double>(x[at + k]) + carried;
      out[at + k] = static_cast<T>(running[k]);
    }
  }
}

}  // namespace

template <class T>
void cumsum(const T* x, T* out, const ScanLayout& layout) {
  scan<Plus>(x, out, layout);
}

template <class T>
void cumprod(const T* x, T* out, const ScanLayout& layout) {
  scan<Times>(x, out, layout);
}

template <class T>
void linear_recurrence(const T* decay, const T* x, T* out, const ScanLayout& layout) {
  for_each_tile(layout,
                [&](int64_t at, int64_t width) { recurrence_tile(decay + at, x + at, out + at, width, layout); });
}

template void linear_recurrence(const float*, const float*, float*, const ScanLayout&);
template void linear_recurrence(const double*, const double*, double*, const ScanLayout&);

#define ADDAX_FOR_TYPE(T)                                \
  template void cumsum(const T*, T*, const ScanLayout&); \
  template void cumprod(const T*, T*, const ScanLayout&);

ADDAX_FOR_TYPE(float)
ADDAX_FOR_TYPE(double)
ADDAX_FOR_TYPE(std::int32_t)
ADDAX_FOR_TYPE(std::int64_t)
ADDAX_FOR_TYPE(std::uint8_t)

}  // namespace addax::kernels
