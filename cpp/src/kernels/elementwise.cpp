#include "kernels/elementwise.h"

#include "kernels/elementwise_functions.h"
#include "kernels/half.h"

namespace addax::kernels::ADDAX_ISA_NS {
namespace {

using std::int64_t;

typedef std::int8_t VecB __attribute__((vector_size(kLanesF)));

ADDAX_INLINE void store_bools(void* y, int64_t i, VecI mask, int64_t n) {
  const VecB bytes = __builtin_convertvector(mask & 1, VecB);
  std::memcpy(static_cast<char*>(y) + i, &bytes, static_cast<std::size_t>(n));
}

// How results of a row are stored: floats; masks as bools.
struct Floats {
  static ADDAX_INLINE void full(void* y, int64_t i, VecF v) { store(static_cast<float*>(y) + i, v); }
  static ADDAX_INLINE void part(void* y, int64_t i, VecF v, int64_t n) {
    store_partial(static_cast<float*>(y) + i, v, n);
  }
};
struct Bools {
  static ADDAX_INLINE void full(void* y, int64_t i, VecI m) { store_bools(y, i, m, kLanesF); }
  static ADDAX_INLINE void part(void* y, int64_t i, VecI m, int64_t n) { store_bools(y, i, m, n); }
};

// How an argument is read: element by element, or one value for all.
struct Each {
  const float* p;
  explicit Each(const void* x) : p(static_cast<const float*>(x)) {}
  ADDAX_INLINE VecF full(int64_t i) const { return load(p + i); }
  ADDAX_INLINE VecF part(int64_t i, int64_t n) const { return load_partial(p + i, n); }
};
struct Same {
  VecF v;
  explicit Same(const void* x) : v(splat(*static_cast<const float*>(x))) {}
  ADDAX_INLINE VecF full(int64_t) const { return v; }
  ADDAX_INLINE VecF part(int64_t, int64_t) const { return v; }
};
struct EachOrSame {  // decided per element: for functions that outweigh the branch
  const float* p;
  int step;
  ADDAX_INLINE VecF full(int64_t i) const { return step ? load(p + i) : splat(*p); }
  ADDAX_INLINE VecF part(int64_t i, int64_t n) const { return step ? load_partial(p + i, n) : splat(*p); }
};
struct EachBool {
  const char* p;
  explicit EachBool(const void* x) : p(static_cast<const char*>(x)) {}
  ADDAX_INLINE VecI full(int64_t i) const { return part(i, kLanesF); }
  ADDAX_INLINE VecI part(int64_t i, int64_t n) const {
    VecB bytes{};
    std::memcpy(&bytes, p + i, static_cast<std::size_t>(n));
    return __builtin_convertvector(bytes, VecI) != 0;
  }
};

// The tail runs through the same vector function as the body, so both give the same bits.
template <class Result, class F, class... Arguments>
ADDAX_INLINE void each_vector(void* y, int64_t n, F f, Arguments... arguments) {
  int64_t i = 0;
  for (; i + kLanesF <= n; i += kLanesF) Result::full(y, i, f(arguments.full(i)...));
  if (i < n) Result::part(y, i, f(arguments.part(i, n - i)...), n - i);
}

template <class Result = Floats, class F>
UnaryRow unary(F) {
  return [](const void* x, void* y, int64_t n) { each_vector<Result>(y, n, F{}, Each(x)); };
}

template <class Result = Floats, class F>
BinaryRow binary(F) {
  return [](const void* a, int a_step, const void* b, int b_step, void* y, int64_t n) {
    if (a_step && b_step) {
      each_vector<Result>(y, n, F{}, Each(a), Each(b));
    } else if (a_step) {
      each_vector<Result>(y, n, F{}, Each(a), Same(b));
    } else if (b_step) {
      each_vector<Result>(y, n, F{}, Same(a), Each(b));
    } else {
      each_vector<Result>(y, n, F{}, Same(a), Same(b));
    }
  };
}

// For functions so long that one loop must do.
template <class Result = Floats, class F>
BinaryRow long_binary(F) {
  return [](const void* a, int a_step, const void* b, int b_step, void* y, int64_t n) {
    each_vector<Result>(y, n, F{}, EachOrSame{static_cast<const float*>(a), a_step},
                        EachOrSame{static_cast<const float*>(b), b_step});
  };
}

// Exponents that people write as numbers have short forms with the same results.
void power_row(const void* a, int a_step, const void* b, int b_step, void* y, int64_t n) {
  const float exponent = *static_cast<const float*>(b);
  if (b_step == 0 && a_step == 1) {
    if (exponent == 2.0f) return each_vector<Floats>(y, n, [](VecF x) { return x * x; }, Each(a));
    if (exponent == 1.0f) return each_vector<Floats>(y, n, [](VecF x) { return x; }, Each(a));
    if (exponent == -1.0f) return each_vector<Floats>(y, n, [](VecF x) { return 1.0f / x; }, Each(a));
    if (exponent == 0.5f) {  // pow(−0, ½) = 0 and pow(−∞, ½) = ∞, unlike sqrt
      const auto root = [](VecF x) { return select(x == -kInfinity, splat(kInfinity), sqrt(x) + 0.0f); };
      return each_vector<Floats>(y, n, root, Each(a));
    }
  }
  static const BinaryRow general = long_binary([](VecF u, VecF v) { return power(u, v); });
  general(a, a_step, b, b_step, y, n);
}

void fill_functions(kernels::Rows& rows) {
  const auto one = [&](Opcode o, auto f) { rows.unary[static_cast<int>(o)] = unary(f); };
  const auto two = [&](Opcode o, auto f) { rows.binary[static_cast<int>(o)] = binary(f); };
  const auto two_long = [&](Opcode o, auto f) { rows.binary[static_cast<int>(o)] = long_binary(f); };
  visit_unary(one);
  visit_binary(two);
  visit_long_binary(two_long);
  visit_unary_predicates([&](Opcode o, auto f) { rows.unary[static_cast<int>(o)] = unary<Bools>(f); });
  visit_binary_predicates([&](Opcode o, auto f) { rows.binary[static_cast<int>(o)] = binary<Bools>(f); });
  rows.binary[static_cast<int>(Opcode::power)] = power_row;
}

void select_row(const void* c, int c_step, const void* a, int a_step, const void* b, int b_step, void* y, int64_t n) {
  const auto *p = static_cast<const float*>(a), *q = static_cast<const float*>(b);
  if (c_step == 0) {
    const bool first = *static_cast<const std::uint8_t*>(c) != 0;
    const auto same = [](VecF x) { return x; };
    return each_vector<Floats>(y, n, same, first ? EachOrSame{p, a_step} : EachOrSame{q, b_step});
  }
  const auto pick = [](VecI m, VecF u, VecF v) { return select(m, u, v); };
  if (a_step && b_step) return each_vector<Floats>(y, n, pick, EachBool(c), Each(a), Each(b));
  each_vector<Floats>(y, n, pick, EachBool(c), EachOrSame{p, a_step}, EachOrSame{q, b_step});
}

#if defined(__F16C__)

void half_to_float(const void* x, void* y, int64_t n) {
  const auto* in = static_cast<const Half*>(x);
  auto* out = static_cast<float*>(y);
  int64_t i = 0;
  for (; i + 8 <= n; i += 8)
    _mm256_storeu_ps(out + i, _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(in + i))));
  for (; i < n; ++i) out[i] = to_float(in[i]);
}

void float_to_half(const void* x, void* y, int64_t n) {
  const auto* in = static_cast<const float*>(x);
  auto* out = static_cast<Half*>(y);
  int64_t i = 0;
  for (; i + 8 <= n; i += 8)
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out + i),
                     _mm256_cvtps_ph(_mm256_loadu_ps(in + i), _MM_FROUND_TO_NEAREST_INT));
  for (; i < n; ++i) out[i] = to_half(in[i]);
}

#else

void half_to_float(const void* x, void* y, int64_t n) {
  for (int64_t i = 0; i < n; ++i) static_cast<float*>(y)[i] = to_float(static_cast<const Half*>(x)[i]);
}

void float_to_half(const void* x, void* y, int64_t n) {
  for (int64_t i = 0; i < n; ++i) static_cast<Half*>(y)[i] = to_half(static_cast<const float*>(x)[i]);
}

#endif

}  // namespace

void fill(ElementwiseKernels& table) {
  fill_functions(table.f32);
  table.f32.select = select_row;
  table.half_to_float = half_to_float;
  table.float_to_half = float_to_half;
}

}  // namespace addax::kernels::ADDAX_ISA_NS
