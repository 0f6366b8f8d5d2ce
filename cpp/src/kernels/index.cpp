#include "kernels/index.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <type_traits>

#include "base/parallel.h"

namespace addax::kernels {
namespace {

using std::int64_t;

constexpr int64_t kGrain = 1 << 15;  // elements worth waking a thread for

int64_t grain_for(int64_t elements_each) { return std::max<int64_t>(1, kGrain / std::max<int64_t>(1, elements_each)); }

template <class Index>
int64_t wrapped(Index index, int64_t size) {
  const auto i = static_cast<int64_t>(index);
  return i < 0 ? i + size : i;
}

// a + b with the wrap-around of unsigned numbers where signed ones would overflow.
template <class T>
T plus(T a, T b) {
  if constexpr (std::is_floating_point_v<T>) {
    return a + b;
  } else {
    return static_cast<T>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
  }
}

template <class T>
void add_row(T* to, const T* from, int64_t n) {
  for (int64_t k = 0; k < n; ++k) to[k] = plus(to[k], from[k]);
}

// How many ranges the targets are cut into, each with one writer that scans all indices: worth it when a row is long
// beside the scan.
int64_t range_count(int64_t size, int64_t count, int64_t inner) {
  const int64_t work = (size + count) * inner;
  if (inner < 8 || work < 2 * kGrain) return 1;
  return std::min<int64_t>({16, size, work / kGrain});
}

template <class T, class Index>
void scatter_range(const Index* indices, const T* updates, T* out, int64_t first, int64_t last, int64_t size,
                   int64_t count, int64_t inner) {
  std::fill(out + first * inner, out + last * inner, T{});
  for (int64_t i = 0; i < count; ++i) {
    const int64_t target = wrapped(indices[i], size);
    if (target >= first && target < last) add_row(out + target * inner, updates + i * inner, inner);
  }
}

template <class T, class Index>
void take_along_axis_typed(const T* x, const Index* indices, T* out, int64_t outer, int64_t size, int64_t count,
                           int64_t inner) {
  parallel_for(outer, grain_for(count * inner), [&](int64_t first, int64_t last) {
    for (int64_t o = first; o < last; ++o) {
      const T* from = x + o * size * inner;
      const Index* at = indices + o * count * inner;
      T* to = out + o * count * inner;
      for (int64_t i = 0; i < count; ++i, at += inner, to += inner) {
        for (int64_t k = 0; k < inner; ++k) to[k] = from[wrapped(at[k], size) * inner + k];
      }
    }
  });
}

// Row-major number of the place that `depth` indices name.
template <class Index>
int64_t place_of(const Index* index, const int64_t* sizes, int depth) {
  int64_t place = 0;
  for (int d = 0; d < depth; ++d) place = place * sizes[d] + wrapped(index[d], sizes[d]);
  return place;
}

}  // namespace

template <class Index>
int64_t first_out_of_range(const Index* indices, int64_t count, int64_t low, int64_t high) {
  constexpr int64_t block =
      1024;  // a branch-free test of a block vectorises; the culprit is searched only in a block that has one
  for (int64_t first = 0; first < count; first += block) {
    const int64_t last = std::min(count, first + block);
    bool bad = false;
    for (int64_t i = first; i < last; ++i) {
      const auto index = static_cast<int64_t>(indices[i]);
      bad |= (index < low) | (index >= high);
    }
    if (!bad) continue;
    for (int64_t i = first; i < last; ++i) {
      const auto index = static_cast<int64_t>(indices[i]);
      if (index < low || index >= high) return i;
    }
  }
  return -1;
}

template <class Index>
void gather(const void* x, const Index* indices, void* out, int64_t outer, int64_t size, int64_t count,
            int64_t row_bytes) {
  const auto* from = static_cast<const std::byte*>(x);
  auto* to = static_cast<std::byte*>(out);
  const auto copy_rows = [&](auto copy_row) {
    parallel_for(outer * count, grain_for(row_bytes / 4), [&](int64_t first, int64_t last) {
      int64_t o = first / count, i = first % count;
      for (int64_t row = first; row < last; ++row) {
        copy_row(to + row * row_bytes, from + (o * size + wrapped(indices[i], size)) * row_bytes);
        if (++i == count) {
          i = 0;
          ++o;
        }
      }
    });
  };
  switch (row_bytes) {
    case 0:
      return;
    case 4:
      return copy_rows([](std::byte* a, const std::byte* b) { std::memcpy(a, b, 4); });
    case 8:
      return copy_rows([](std::byte* a, const std::byte* b) { std::memcpy(a, b, 8); });
    default:
      return copy_rows(
          [&](std::byte* a, const std::byte* b) { std::memcpy(a, b, static_cast<std::size_t>(row_bytes)); });
  }
}

template <class T, class Index>
void scatter_add(const Index* indices, const T* updates, T* out, int64_t outer, int64_t size, int64_t count,
                 int64_t inner) {
  const int64_t ranges = range_count(size, count, inner);
  parallel_for(outer * ranges, grain_for((size + count) * inner / ranges), [&](int64_t begin, int64_t end) {
    for (int64_t unit = begin; unit < end; ++unit) {
      const int64_t o = unit / ranges, r = unit % ranges;
      scatter_range(indices, updates + o * count * inner, out + o * size * inner, r * size / ranges,
                    (r + 1) * size / ranges, size, count, inner);
    }
  });
}

template <class Index>
void take_along_axis(const void* x, const Index* indices, void* out, int item, int64_t outer, int64_t size,
                     int64_t count, int64_t inner) {
  const auto typed = [&](auto t) {
    using T = decltype(t);
    take_along_axis_typed(static_cast<const T*>(x), indices, static_cast<T*>(out), outer, size, count, inner);
  };
  switch (item) {
    case 1:
      return typed(std::uint8_t{});
    case 2:
      return typed(std::uint16_t{});
    case 4:
      return typed(std::uint32_t{});
    default:
      return typed(std::uint64_t{});
  }
}

template <class T, class Index>
void put_along_axis_add(const Index* indices, const T* updates, T* out, int64_t outer, int64_t size, int64_t count,
                        int64_t inner) {
  parallel_for(outer, grain_for((size + count) * inner), [&](int64_t first, int64_t last) {
    for (int64_t o = first; o < last; ++o) {
      const Index* at = indices + o * count * inner;
      const T* from = updates + o * count * inner;
      T* to = out + o * size * inner;
      std::fill_n(to, size * inner, T{});
      for (int64_t i = 0; i < count; ++i, at += inner, from += inner) {
        for (int64_t k = 0; k < inner; ++k) {
          T& place = to[wrapped(at[k], size) * inner + k];
          place = plus(place, from[k]);
        }
      }
    }
  });
}

template <class Index>
void gather_nd(const void* x, const Index* indices, void* out, const int64_t* sizes, int depth, int64_t count,
               int64_t row_bytes) {
  const auto* from = static_cast<const std::byte*>(x);
  auto* to = static_cast<std::byte*>(out);
  parallel_for(count, grain_for(row_bytes / 4), [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i) {
      std::memcpy(to + i * row_bytes, from + place_of(indices + i * depth, sizes, depth) * row_bytes,
                  static_cast<std::size_t>(row_bytes));
    }
  });
}

template <class T, class Index>
void scatter_nd(const Index* indices, const T* values, T* out, const int64_t* sizes, int depth, int64_t count,
                int64_t inner, int64_t total) {
  std::fill_n(out, total, T{});
  for (int64_t i = 0; i < count; ++i) {
    add_row(out + place_of(indices + i * depth, sizes, depth) * inner, values + i * inner, inner);
  }
}

template <class T, class Index>
void one_hot(const Index* indices, T* out, int64_t outer, int64_t depth, int64_t inner) {
  parallel_for(outer, grain_for(depth * inner), [&](int64_t first, int64_t last) {
    std::fill(out + first * depth * inner, out + last * depth * inner, T{});
    for (int64_t o = first; o < last; ++o) {
      for (int64_t k = 0; k < inner; ++k) {
        const auto index = static_cast<int64_t>(indices[o * inner + k]);
        if (index >= 0 && index < depth) out[(o * depth + index) * inner + k] = T{1};
      }
    }
  });
}

#define ADDAX_FOR_INDEX(Index)                                                                              \
  template int64_t first_out_of_range(const Index*, int64_t, int64_t, int64_t);                             \
  template void gather(const void*, const Index*, void*, int64_t, int64_t, int64_t, int64_t);               \
  template void take_along_axis(const void*, const Index*, void*, int, int64_t, int64_t, int64_t, int64_t); \
  template void gather_nd(const void*, const Index*, void*, const int64_t*, int, int64_t, int64_t);         \
  template void one_hot(const Index*, bool*, int64_t, int64_t, int64_t);
#define ADDAX_FOR_TYPE_AND_INDEX(T, Index)                                                              \
  template void scatter_add(const Index*, const T*, T*, int64_t, int64_t, int64_t, int64_t);            \
  template void put_along_axis_add(const Index*, const T*, T*, int64_t, int64_t, int64_t, int64_t);     \
  template void scatter_nd(const Index*, const T*, T*, const int64_t*, int, int64_t, int64_t, int64_t); \
  template void one_hot(const Index*, T*, int64_t, int64_t, int64_t);
#define ADDAX_FOR_TYPE(T)                   \
  ADDAX_FOR_TYPE_AND_INDEX(T, std::int32_t) \
  ADDAX_FOR_TYPE_AND_INDEX(T, std::int64_t)

ADDAX_FOR_INDEX(std::int32_t)
ADDAX_FOR_INDEX(std::int64_t)
ADDAX_FOR_TYPE(float)
ADDAX_FOR_TYPE(double)
ADDAX_FOR_TYPE(std::int32_t)
ADDAX_FOR_TYPE(std::int64_t)
ADDAX_FOR_TYPE(std::uint8_t)

}  // namespace addax::kernels
