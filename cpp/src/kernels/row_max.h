// The largest element of a row, for functions that subtract it from all of them before they take exponentials. NaN is
// left out, for it comes back in the sum of those; nothing gives −∞.
#pragma once

#include <cstdint>
#include <utility>

#include "kernels/simd.h"

namespace addax::kernels::ADDAX_ISA_NS {

template <class T>
inline constexpr T kLeast = static_cast<T>(-__builtin_inf());

// The first n lanes from memory, the others `fill`.
template <class T>
ADDAX_INLINE Vec<T> load_or(const T* p, std::int64_t n, T fill) {
  const auto inside = lane_index<MaskLane<T>>() < static_cast<MaskLane<T>>(n);
  return select(inside, load_partial(p, n), splat(fill));
}

template <class V>
ADDAX_INLINE V larger(V a, V b) {
  return a > b ? a : b;
}

template <class V, int... I>
ADDAX_INLINE Lane<V> largest_of_halves(V v, std::integer_sequence<int, I...>) {
  constexpr int half = sizeof...(I);
  const auto m = larger(__builtin_shufflevector(v, v, I...), __builtin_shufflevector(v, v, (I + half)...));
  if constexpr (half == 2) {
    return m[0] > m[1] ? m[0] : m[1];
  } else {
    return largest_of_halves(m, std::make_integer_sequence<int, half / 2>{});
  }
}
template <class V>
ADDAX_INLINE Lane<V> largest_lane(V v) {
  constexpr int n = static_cast<int>(sizeof(V) / sizeof(Lane<V>));
  if constexpr (n == 2) {
    return v[0] > v[1] ? v[0] : v[1];
  } else {
    return largest_of_halves(v, std::make_integer_sequence<int, n / 2>{});
  }
}

template <class T>
T row_max(const T* x, std::int64_t n) {
  constexpr std::int64_t lanes = kLanes<T>;
  Vec<T> a = splat(kLeast<T>), b = a;
  std::int64_t i = 0;
  for (; i + 2 * lanes <= n; i += 2 * lanes) {
    a = larger(load(x + i), a);
    b = larger(load(x + i + lanes), b);
  }
  for (; i < n; i += lanes) a = larger(n - i < lanes ? load_or(x + i, n - i, kLeast<T>) : load(x + i), a);
  return largest_lane(larger(a, b));
}

}  // namespace addax::kernels::ADDAX_ISA_NS
