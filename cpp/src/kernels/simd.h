// Vectors of the widest register of the instruction set this file is compiled for. Arithmetic, comparison and `?:` come
// from the compiler's vector extensions; only what those lack (tails, square roots, rounding) is written per target.
//
// Everything here lives in the instruction set's own namespace: an inline function shared between object files of
// different instruction sets would let the linker keep the copy that the machine cannot run.
#pragma once

#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#ifndef ADDAX_ISA_NS
#define ADDAX_ISA_NS baseline
#endif

#define ADDAX_INLINE inline __attribute__((always_inline))

namespace addax::kernels::ADDAX_ISA_NS {

#if defined(__AVX512F__)
inline constexpr int kVectorBytes = 64;
inline constexpr int kVectorRegisters = 32;
#elif defined(__AVX2__)
inline constexpr int kVectorBytes = 32;
inline constexpr int kVectorRegisters = 16;
#elif defined(__aarch64__)
inline constexpr int kVectorBytes = 16;
inline constexpr int kVectorRegisters = 32;
#else
inline constexpr int kVectorBytes = 16;
inline constexpr int kVectorRegisters = 16;
#endif

template <class T>
struct VectorOf {
  typedef T type __attribute__((vector_size(kVectorBytes)));
  typedef T unaligned __attribute__((vector_size(kVectorBytes), aligned(alignof(T)), may_alias));
};
template <class T>
using Vec = typename VectorOf<T>::type;

using VecF = Vec<float>;
using VecD = Vec<double>;
using VecI = Vec<std::int32_t>;
using VecL = Vec<std::int64_t>;

template <class T>
inline constexpr int kLanes = kVectorBytes / static_cast<int>(sizeof(T));

// The type of a vector's elements.
template <class V>
using Lane = std::remove_cvref_t<decltype(V{}[0])>;

// The signed integer as wide as T: what a comparison of Vec<T> yields in each lane (0 or -1).
template <class T>
using MaskLane = std::conditional_t<
    sizeof(T) == 8, std::int64_t,
    std::conditional_t<sizeof(T) == 4, std::int32_t, std::conditional_t<sizeof(T) == 2, std::int16_t, std::int8_t>>>;
template <class T>
using Mask = Vec<MaskLane<T>>;

template <class T>
ADDAX_INLINE Vec<T> load(const T* p) {
  return *reinterpret_cast<const typename VectorOf<T>::unaligned*>(p);
}

template <class T>
ADDAX_INLINE void store(T* p, Vec<T> v) {
  *reinterpret_cast<typename VectorOf<T>::unaligned*>(p) = v;
}

template <class T>
ADDAX_INLINE Vec<T> splat(T x) {
  return Vec<T>{} + x;  // integers; floats have their own below, for 0 + -0.0 is +0.0
}
template <>
ADDAX_INLINE Vec<float> splat<float>(float x) {
#if defined(__AVX512F__)
  return (VecF)_mm512_set1_ps(x);
#elif defined(__AVX2__)
  return (VecF)_mm256_set1_ps(x);
#elif defined(__x86_64__)
  return (VecF)_mm_set1_ps(x);
#elif defined(__aarch64__)
  return (VecF)vdupq_n_f32(x);
#else
  VecF v;
  for (int i = 0; i < kLanes<float>; ++i) v[i] = x;
  return v;
#endif
}
template <>
ADDAX_INLINE Vec<double> splat<double>(double x) {
#if defined(__AVX512F__)
  return (VecD)_mm512_set1_pd(x);
#elif defined(__AVX2__)
  return (VecD)_mm256_set1_pd(x);
#elif defined(__x86_64__)
  return (VecD)_mm_set1_pd(x);
#elif defined(__aarch64__)
  return (VecD)vdupq_n_f64(x);
#else
  VecD v;
  for (int i = 0; i < kLanes<double>; ++i) v[i] = x;
  return v;
#endif
}

template <class T>
ADDAX_INLINE Vec<T> zero() {
  return Vec<T>{};
}

// 0, 1, 2, … in the lanes.
template <class T>
ADDAX_INLINE Vec<T> lane_index() {
  Vec<T> v;
  for (int i = 0; i < kLanes<T>; ++i) v[i] = static_cast<T>(i);
  return v;
}

#if defined(__x86_64__) && !defined(__AVX2__)
// Without masks a tail is a loop over lanes. Calls, because blocks of several rows would hold dozens of such loops.
template <class T>
__attribute__((noinline)) Vec<T> load_some(const T* p, std::int64_t n) {
  if (n == kLanes<T>) return load(p);
  Vec<T> v{};
  for (std::int64_t i = 0; i < n; ++i) v[i] = p[i];
  return v;
}
template <class T>
__attribute__((noinline)) void store_some(T* p, Vec<T> v, std::int64_t n) {
  if (n == kLanes<T>) return store(p, v);
  for (std::int64_t i = 0; i < n; ++i) p[i] = v[i];
}
#endif

// Tails: the first `n` lanes (0 <= n <= lanes). Loads give 0 in the others and touch no memory beyond; stores leave the
// rest alone.
template <class T>
ADDAX_INLINE Vec<T> load_partial(const T* p, std::int64_t n) {
  if constexpr (sizeof(T) == 4) {
#if defined(__AVX512F__)
    return (Vec<T>)_mm512_maskz_loadu_epi32(static_cast<__mmask16>((1u << n) - 1u), p);
#elif defined(__AVX2__)
    const __m256i lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    const __m256i mask = _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(n)), lanes);
    return (Vec<T>)_mm256_maskload_epi32(reinterpret_cast<const int*>(p), mask);
#endif
  } else if constexpr (sizeof(T) == 8) {
#if defined(__AVX512F__)
    return (Vec<T>)_mm512_maskz_loadu_epi64(static_cast<__mmask8>((1u << n) - 1u), p);
#elif defined(__AVX2__)
    const __m256i lanes = _mm256_setr_epi64x(0, 1, 2, 3);
    const __m256i mask = _mm256_cmpgt_epi64(_mm256_set1_epi64x(n), lanes);
    return (Vec<T>)_mm256_maskload_epi64(reinterpret_cast<const long long*>(p), mask);
#endif
  }
#if defined(__x86_64__) && !defined(__AVX2__)
  return load_some(p, n);
#else
  Vec<T> v{};
  for (std::int64_t i = 0; i < n; ++i) v[i] = p[i];
  return v;
#endif
}

template <class T>
ADDAX_INLINE void store_partial(T* p, Vec<T> v, std::int64_t n) {
  if constexpr (sizeof(T) == 4) {
#if defined(__AVX512F__)
    _mm512_mask_storeu_epi32(p, static_cast<__mmask16>((1u << n) - 1u), (__m512i)v);
    return;
#elif defined(__AVX2__)
    const __m256i lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    const __m256i mask = _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(n)), lanes);
    _mm256_maskstore_epi32(reinterpret_cast<int*>(p), mask, (__m256i)v);
    return;
#endif
  } else if constexpr (sizeof(T) == 8) {
#if defined(__AVX512F__)
    _mm512_mask_storeu_epi64(p, static_cast<__mmask8>((1u << n) - 1u), (__m512i)v);
    return;
#elif defined(__AVX2__)
    const __m256i lanes = _mm256_setr_epi64x(0, 1, 2, 3);
    const __m256i mask = _mm256_cmpgt_epi64(_mm256_set1_epi64x(n), lanes);
    _mm256_maskstore_epi64(reinterpret_cast<long long*>(p), mask, (__m256i)v);
    return;
#endif
  }
#if defined(__x86_64__) && !defined(__AVX2__)
  store_some(p, v, n);
#else
  for (std::int64_t i = 0; i < n; ++i) p[i] = v[i];
#endif
}

// a * b + c; one rounding where the target has it (the build allows contraction).
template <class V>
ADDAX_INLINE V fma(V a, V b, V c) {
  return a * b + c;
}

// Lane-wise mask ? a : b, the mask being the result of a comparison.
template <class M, class V>
ADDAX_INLINE V select(M mask, V a, V b) {
  return mask ? a : b;
}

// NumPy's maximum and minimum: NaN if either is NaN; the first of equals.
template <class V>
ADDAX_INLINE V max_nan(V a, V b) {
  if constexpr (std::is_floating_point_v<Lane<V>>) {
    return ((a >= b) | (a != a)) ? a : b;
  } else {
    return a >= b ? a : b;
  }
}
template <class V>
ADDAX_INLINE V min_nan(V a, V b) {
  if constexpr (std::is_floating_point_v<Lane<V>>) {
    return ((a <= b) | (a != a)) ? a : b;
  } else {
    return a <= b ? a : b;
  }
}
template <class T>
  requires std::is_arithmetic_v<T>
ADDAX_INLINE T max_nan(T a, T b) {
  return (a >= b || a != a) ? a : b;
}
template <class T>
  requires std::is_arithmetic_v<T>
ADDAX_INLINE T min_nan(T a, T b) {
  return (a <= b || a != a) ? a : b;
}

// max(x, 0) that keeps NaN.
template <class V>
ADDAX_INLINE V relu_of(V x) {
  return x < Lane<V>{0} ? V{} : x;
}

// The same bits as another type of lanes of equal width.
template <class To, class From>
ADDAX_INLINE Vec<To> as(From v) {
  static_assert(sizeof(To) == sizeof(Lane<From>));
  return (Vec<To>)v;
}

// Values converted between types of equal width (float <-> int32, double <-> int64); floats are truncated towards zero.
template <class To, class From>
ADDAX_INLINE Vec<To> convert(From v) {
  static_assert(sizeof(To) == sizeof(Lane<From>));
  return __builtin_convertvector(v, Vec<To>);
}

ADDAX_INLINE VecF abs(VecF v) { return as<float>(as<std::int32_t>(v) & 0x7fffffff); }
ADDAX_INLINE VecD abs(VecD v) { return as<double>(as<std::int64_t>(v) & std::int64_t{0x7fffffffffffffff}); }

// The zero-masking forms with a full mask: g++ 12 warns of an uninitialised value in the plain ones.
#if defined(__AVX512F__)
ADDAX_INLINE VecF sqrt(VecF v) { return (VecF)_mm512_maskz_sqrt_ps(0xffff, (__m512)v); }
ADDAX_INLINE VecD sqrt(VecD v) { return (VecD)_mm512_maskz_sqrt_pd(0xff, (__m512d)v); }
#define ADDAX_ROUND(name, mode)                                                                              \
  ADDAX_INLINE VecF name(VecF v) { return (VecF)_mm512_maskz_roundscale_ps(0xffff, (__m512)v, (mode) | 8); } \
  ADDAX_INLINE VecD name(VecD v) { return (VecD)_mm512_maskz_roundscale_pd(0xff, (__m512d)v, (mode) | 8); }
#elif defined(__AVX2__)
ADDAX_INLINE VecF sqrt(VecF v) { return (VecF)_mm256_sqrt_ps((__m256)v); }
ADDAX_INLINE VecD sqrt(VecD v) { return (VecD)_mm256_sqrt_pd((__m256d)v); }
#define ADDAX_ROUND(name, mode)                                                           \
  ADDAX_INLINE VecF name(VecF v) { return (VecF)_mm256_round_ps((__m256)v, (mode) | 8); } \
  ADDAX_INLINE VecD name(VecD v) { return (VecD)_mm256_round_pd((__m256d)v, (mode) | 8); }
#elif defined(__SSE4_1__)
ADDAX_INLINE VecF sqrt(VecF v) { return (VecF)_mm_sqrt_ps((__m128)v); }
ADDAX_INLINE VecD sqrt(VecD v) { return (VecD)_mm_sqrt_pd((__m128d)v); }
#define ADDAX_ROUND(name, mode)                                                        \
  ADDAX_INLINE VecF name(VecF v) { return (VecF)_mm_round_ps((__m128)v, (mode) | 8); } \
  ADDAX_INLINE VecD name(VecD v) { return (VecD)_mm_round_pd((__m128d)v, (mode) | 8); }
#elif defined(__aarch64__)
ADDAX_INLINE VecF sqrt(VecF v) { return (VecF)vsqrtq_f32((float32x4_t)v); }
ADDAX_INLINE VecD sqrt(VecD v) { return (VecD)vsqrtq_f64((float64x2_t)v); }
ADDAX_INLINE VecF round_even(VecF v) { return (VecF)vrndnq_f32((float32x4_t)v); }
ADDAX_INLINE VecD round_even(VecD v) { return (VecD)vrndnq_f64((float64x2_t)v); }
ADDAX_INLINE VecF floor(VecF v) { return (VecF)vrndmq_f32((float32x4_t)v); }
ADDAX_INLINE VecD floor(VecD v) { return (VecD)vrndmq_f64((float64x2_t)v); }
ADDAX_INLINE VecF ceil(VecF v) { return (VecF)vrndpq_f32((float32x4_t)v); }
ADDAX_INLINE VecD ceil(VecD v) { return (VecD)vrndpq_f64((float64x2_t)v); }
ADDAX_INLINE VecF trunc(VecF v) { return (VecF)vrndq_f32((float32x4_t)v); }
ADDAX_INLINE VecD trunc(VecD v) { return (VecD)vrndq_f64((float64x2_t)v); }
#endif
#if defined(ADDAX_ROUND)
ADDAX_ROUND(round_even, 0)
ADDAX_ROUND(floor, 1)
ADDAX_ROUND(ceil, 2)
ADDAX_ROUND(trunc, 3)
#undef ADDAX_ROUND
#endif

// Combines the lanes pairwise, upper half with lower half, so the order depends on the width alone.
template <class V, class F>
ADDAX_INLINE Lane<V> reduce_lanes(V v, F combine) {
  constexpr int n = static_cast<int>(sizeof(V) / sizeof(Lane<V>));
  Lane<V> x[n];
  std::memcpy(x, &v, sizeof v);
  for (int half = n / 2; half > 0; half /= 2) {
    for (int i = 0; i < half; ++i) x[i] = combine(x[i], x[i + half]);
  }
  return x[0];
}
template <class V, int... I>
ADDAX_INLINE Lane<V> reduce_add_halves(V v, std::integer_sequence<int, I...>) {
  constexpr int half = sizeof...(I);
  const auto sum = __builtin_shufflevector(v, v, I...) + __builtin_shufflevector(v, v, (I + half)...);
  if constexpr (half == 2) {
    return sum[0] + sum[1];
  } else {
    return reduce_add_halves(sum, std::make_integer_sequence<int, half / 2>{});
  }
}
template <class V>
ADDAX_INLINE Lane<V> reduce_add(V v) {
  constexpr int n = static_cast<int>(sizeof(V) / sizeof(Lane<V>));
  if constexpr (n <= 2 || sizeof(Lane<V>) < 4) {
    return reduce_lanes(v, [](Lane<V> a, Lane<V> b) { return static_cast<Lane<V>>(a + b); });
  } else {
    return reduce_add_halves(v, std::make_integer_sequence<int, n / 2>{});
  }
}

// True if the comparison held in some lane / in all lanes.
template <class M>
ADDAX_INLINE bool any(M mask) {
  const M none{};
  return std::memcmp(&mask, &none, sizeof mask) != 0;
}
template <class M>
ADDAX_INLINE bool all(M mask) {
  return !any(~mask);
}

}  // namespace addax::kernels::ADDAX_ISA_NS
