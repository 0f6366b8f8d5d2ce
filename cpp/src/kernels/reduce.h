// Reductions over any set of axes of a row-major array. The order in which elements are combined depends on the sizes
// alone.
#pragma once

#include <cstdint>

namespace addax::kernels {

inline constexpr int kMaxReduceGroups = 8;

// The axes of the input as groups in row-major order, alternately kept and reduced after merging neighbours of a kind
// and dropping sizes of 1
// (`make_reduce_layout` does both). The output holds the kept elements in row-major order.
struct ReduceLayout {
  struct Group {
    std::int64_t size, stride;  // stride in elements
  };
  int kept_count = 0, reduced_count = 0;
  Group kept[kMaxReduceGroups], reduced[kMaxReduceGroups];
  std::int64_t outputs = 1;       // Π kept sizes
  std::int64_t reduced_size = 1;  // Π reduced sizes; 0 if nothing is to be combined
  bool last_is_kept = false;      // whether the group of stride 1 is a kept one
};

// `is_reduced[d]` tells whether axis d goes. rank ≤ kMaxReduceGroups.
inline ReduceLayout make_reduce_layout(const std::int64_t* sizes, const bool* is_reduced, int rank) {
  ReduceLayout layout;
  std::int64_t stride = 1;
  int last_kind = -1;  // of the group made last: 1 kept, 0 reduced
  for (int d = rank - 1; d >= 0; --d) {
    const int kind = is_reduced[d] ? 0 : 1;
    (kind ? layout.outputs : layout.reduced_size) *= sizes[d];
    if (sizes[d] == 1) continue;
    ReduceLayout::Group* groups = kind ? layout.kept : layout.reduced;
    int& count = kind ? layout.kept_count : layout.reduced_count;
    if (kind == last_kind) {
      groups[count - 1].size *= sizes[d];
    } else {
      if (last_kind < 0) layout.last_is_kept = kind == 1;
      groups[count++] = {sizes[d], stride};
      last_kind = kind;
    }
    stride *= sizes[d];
  }
  for (int i = 0; i < layout.kept_count / 2; ++i) {
    const auto group = layout.kept[i];
    layout.kept[i] = layout.kept[layout.kept_count - 1 - i];
    layout.kept[layout.kept_count - 1 - i] = group;
  }
  for (int i = 0; i < layout.reduced_count / 2; ++i) {
    const auto group = layout.reduced[i];
    layout.reduced[i] = layout.reduced[layout.reduced_count - 1 - i];
    layout.reduced[layout.reduced_count - 1 - i] = group;
  }
  return layout;
}

// The functions for elements of type T. `sum` divides its results by `divisor` (1, or the count for a mean; integers
// ignore it). An empty sum is 0, an empty product 1, an empty max the lowest and an empty min the highest value of T.
// Integers wrap around. float sums and products are formed in double: of float partial sums at most 16 terms long. NaN
// wins every max and min.
template <class T>
struct ReduceOf {
  void (*sum)(const T* x, T* out, const ReduceLayout& layout, double divisor);
  void (*prod)(const T* x, T* out, const ReduceLayout& layout);
  void (*max)(const T* x, T* out, const ReduceLayout& layout);
  void (*min)(const T* x, T* out, const ReduceLayout& layout);
  // x (outer, size, inner) with size > 0: the first index of the extremum along the middle axis, the first NaN's if
  // there is one.
  void (*argmax)(const T* x, std::int32_t* out, std::int64_t outer, std::int64_t size, std::int64_t inner);
  void (*argmin)(const T* x, std::int32_t* out, std::int64_t outer, std::int64_t size, std::int64_t inner);
};

struct ReduceKernels {
  ReduceOf<float> f32;
  ReduceOf<double> f64;
  ReduceOf<std::int32_t> i32;
  ReduceOf<std::int64_t> i64;
  ReduceOf<std::uint8_t> u8;  // of bool too: max is any, min is all

  template <class T>
  const ReduceOf<T>& of() const;
};
template <>
inline const ReduceOf<float>& ReduceKernels::of() const {
  return f32;
}
template <>
inline const ReduceOf<double>& ReduceKernels::of() const {
  return f64;
}
template <>
inline const ReduceOf<std::int32_t>& ReduceKernels::of() const {
  return i32;
}
template <>
inline const ReduceOf<std::int64_t>& ReduceKernels::of() const {
  return i64;
}
template <>
inline const ReduceOf<std::uint8_t>& ReduceKernels::of() const {
  return u8;
}

void fill_other_types(ReduceKernels& table);  // all but f32; the same on every instruction set

namespace baseline {
void fill(ReduceKernels& table);
}
namespace avx2 {
void fill(ReduceKernels& table);
}
namespace avx512 {
void fill(ReduceKernels& table);
}
namespace neon {
void fill(ReduceKernels& table);
}

}  // namespace addax::kernels
