// Indices of pooled elements, small integers in memory, in lanes as wide as the values' in registers.
#pragma once

#include <cstdint>
#include <cstring>
#include <type_traits>

#include "kernels/simd.h"

namespace addax::kernels::ADDAX_ISA_NS {

// As many indices as a vector of T has lanes.
template <class T, class Index>
struct IndicesOf {
  typedef Index type __attribute__((vector_size(kLanes<T> * sizeof(Index))));
};

template <class T, class Index>
ADDAX_INLINE void store_indices(Index* p, Mask<T> index) {
  using Indices = typename IndicesOf<T, Index>::type;
  const Indices narrow = __builtin_convertvector(index, Indices);
  std::memcpy(p, &narrow, sizeof(narrow));
}

// g++ 12 converts bytes to wider lanes one by one, hence the instructions by name.
template <class T, class Index>
ADDAX_INLINE Mask<T> load_indices(const Index* p) {
#if defined(__AVX512F__)
  if constexpr (sizeof(T) == 4 && sizeof(Index) == 1)
    return (VecI)_mm512_maskz_cvtepu8_epi32(0xffff, _mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
#elif defined(__AVX2__)
  if constexpr (sizeof(T) == 4 && sizeof(Index) == 1)
    return (VecI)_mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)));
#endif
  typename IndicesOf<T, Index>::type narrow;
  std::memcpy(&narrow, p, sizeof(narrow));
  return __builtin_convertvector(narrow, Mask<T>);
}

// Tails: the first `n` lanes alone.
template <class T, class Index>
ADDAX_INLINE void store_indices_partial(Index* p, Mask<T> index, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) p[i] = static_cast<Index>(index[i]);
}
template <class T, class Index>
ADDAX_INLINE Mask<T> load_indices_partial(const Index* p, std::int64_t n) {
  Mask<T> index{};
  for (std::int64_t i = 0; i < n; ++i) index[i] = p[i];
  return index;
}

}  // namespace addax::kernels::ADDAX_ISA_NS
