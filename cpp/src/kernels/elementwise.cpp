#include "kernels/elementwise.h"

#include "kernels/half.h"
#include "kernels/vmath.h"

namespace addax::kernels::ADDAX_ISA_NS {
namespace {

using std::int64_t;

ADDAX_INLINE VecF truth(VecI mask) { return as<float>(mask & 0x3f800000); }  // 1.0f or 0.0f

typedef std::int8_t VecB __attribute__((vector_size(kLanesF)));

ADDAX_INLINE void store_bools(void* y, int64_t i, VecI mask, int64_t n) {
  const VecB bytes = __builtin_convertvector(mask & 1, VecB);
  std::memcpy(static_cast<char*>(y) + i, &bytes, static_cast<std::size_t>(n));
}

// How results of a row are stored: floats; masks as bools; masks as floats.
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
struct Truths {
  static ADDAX_INLINE void full(void* y, int64_t i, VecI m) { Floats::full(y, i, truth(m)); }
  static ADDAX_INLINE void part(void* y, int64_t i, VecI m, int64_t n) { Floats::part(y, i, truth(m), n); }
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
struct EachTruth {
  const float* p;
  explicit EachTruth(const void* x) : p(static_cast<const float*>(x)) {}
  ADDAX_INLINE VecI full(int64_t i) const { return load(p + i) != 0.0f; }
  ADDAX_INLINE VecI part(int64_t i, int64_t n) const { return load_partial(p + i, n) != 0.0f; }
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

// NumPy's floor division and remainder: the remainder has the divisor's sign.
ADDAX_INLINE float floor_divide_one(float a, float b) {
  if (b == 0.0f) return a / b;
  float remainder = __builtin_fmodf(a, b), quotient = (a - remainder) / b;
  if (remainder != 0.0f && (b < 0.0f) != (remainder < 0.0f)) quotient -= 1.0f;
  if (quotient == 0.0f) return __builtin_copysignf(0.0f, a / b);
  const float whole = __builtin_floorf(quotient);
  return quotient - whole > 0.5f ? whole + 1.0f : whole;
}
ADDAX_INLINE float mod_one(float a, float b) {
  const float remainder = __builtin_fmodf(a, b);
  if (remainder == 0.0f) return __builtin_copysignf(0.0f, b);
  return (b < 0.0f) != (remainder < 0.0f) ? remainder + b : remainder;
}
template <class F>
ADDAX_INLINE VecF by_lanes(VecF a, VecF b, F f) {
  VecF y = a;
  for (int i = 0; i < kLanesF; ++i) y[i] = f(a[i], b[i]);
  return y;
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

void fill_unary(Rows& rows) {
  const auto set = [&](Opcode o, UnaryRow row) { rows.unary[static_cast<int>(o)] = row; };
  set(Opcode::identity, unary([](VecF x) { return x; }));
  set(Opcode::negative, unary([](VecF x) { return -x; }));
  set(Opcode::abs, unary([](VecF x) { return abs(x); }));
  set(Opcode::sign, unary([](VecF x) { return select(x != x, x, truth(x > 0.0f) - truth(x < 0.0f)); }));
  set(Opcode::square, unary([](VecF x) { return x * x; }));
  set(Opcode::sqrt, unary([](VecF x) { return sqrt(x); }));
  set(Opcode::rsqrt, unary([](VecF x) { return 1.0f / sqrt(x); }));
  set(Opcode::reciprocal, unary([](VecF x) { return 1.0f / x; }));
  set(Opcode::exp, unary([](VecF x) { return exp(x); }));
  set(Opcode::expm1, unary([](VecF x) { return expm1(x); }));
  set(Opcode::log, unary([](VecF x) { return log(x); }));
  set(Opcode::log1p, unary([](VecF x) { return log1p(x); }));
  set(Opcode::sin, unary([](VecF x) { return sin(x); }));
  set(Opcode::cos, unary([](VecF x) { return cos(x); }));
  set(Opcode::tan, unary([](VecF x) { return tan(x); }));
  set(Opcode::arcsin, unary([](VecF x) { return arcsin(x); }));
  set(Opcode::arccos, unary([](VecF x) { return arccos(x); }));
  set(Opcode::arctan, unary([](VecF x) { return arctan(x); }));
  set(Opcode::sinh, unary([](VecF x) { return sinh(x); }));
  set(Opcode::cosh, unary([](VecF x) { return cosh(x); }));
  set(Opcode::tanh, unary([](VecF x) { return tanh(x); }));
  set(Opcode::arcsinh, unary([](VecF x) { return arcsinh(x); }));
  set(Opcode::arccosh, unary([](VecF x) { return arccosh(x); }));
  set(Opcode::arctanh, unary([](VecF x) { return arctanh(x); }));
  set(Opcode::erf, unary([](VecF x) { return erf(x); }));
  set(Opcode::erfinv, unary([](VecF x) { return erfinv(x); }));
  set(Opcode::sigmoid, unary([](VecF x) { return sigmoid(x); }));
  set(Opcode::softplus, unary([](VecF x) { return softplus(x); }));
  set(Opcode::relu, unary([](VecF x) { return relu_of(x); }));
  set(Opcode::floor, unary([](VecF x) { return floor(x); }));
  set(Opcode::ceil, unary([](VecF x) { return ceil(x); }));
  set(Opcode::round, unary([](VecF x) { return round_even(x); }));
  set(Opcode::trunc, unary([](VecF x) { return trunc(x); }));
}

void fill_binary(Rows& rows) {
  const auto set = [&](Opcode o, BinaryRow row) { rows.binary[static_cast<int>(o)] = row; };
  set(Opcode::add, binary([](VecF a, VecF b) { return a + b; }));
  set(Opcode::subtract, binary([](VecF a, VecF b) { return a - b; }));
  set(Opcode::multiply, binary([](VecF a, VecF b) { return a * b; }));
  set(Opcode::divide, binary([](VecF a, VecF b) { return a / b; }));
  set(Opcode::floor_divide, long_binary([](VecF a, VecF b) { return by_lanes(a, b, floor_divide_one); }));
  set(Opcode::mod, long_binary([](VecF a, VecF b) { return by_lanes(a, b, mod_one); }));
  set(Opcode::power, power_row);
  set(Opcode::maximum, binary([](VecF a, VecF b) { return max_nan(a, b); }));
  set(Opcode::minimum, binary([](VecF a, VecF b) { return min_nan(a, b); }));
  set(Opcode::arctan2, long_binary([](VecF a, VecF b) { return arctan2(a, b); }));
}

template <class Result>
void fill_predicates(Rows& rows) {
  const auto set1 = [&](Opcode o, UnaryRow row) { rows.unary[static_cast<int>(o)] = row; };
  const auto set2 = [&](Opcode o, BinaryRow row) { rows.binary[static_cast<int>(o)] = row; };
  set1(Opcode::isnan, unary<Result>([](VecF x) -> VecI { return x != x; }));
  set1(Opcode::isinf, unary<Result>([](VecF x) -> VecI { return abs(x) == kInfinity; }));
  set1(Opcode::isfinite, unary<Result>([](VecF x) -> VecI { return abs(x) < kInfinity; }));
  set1(Opcode::logical_not, unary<Result>([](VecF x) -> VecI { return x == 0.0f; }));
  set2(Opcode::equal, binary<Result>([](VecF a, VecF b) -> VecI { return a == b; }));
  set2(Opcode::not_equal, binary<Result>([](VecF a, VecF b) -> VecI { return a != b; }));
  set2(Opcode::less, binary<Result>([](VecF a, VecF b) -> VecI { return a < b; }));
  set2(Opcode::less_equal, binary<Result>([](VecF a, VecF b) -> VecI { return a <= b; }));
  set2(Opcode::greater, binary<Result>([](VecF a, VecF b) -> VecI { return a > b; }));
  set2(Opcode::greater_equal, binary<Result>([](VecF a, VecF b) -> VecI { return a >= b; }));
  set2(Opcode::logical_and, binary<Result>([](VecF a, VecF b) -> VecI { return (a != 0.0f) & (b != 0.0f); }));
  set2(Opcode::logical_or, binary<Result>([](VecF a, VecF b) -> VecI { return (a != 0.0f) | (b != 0.0f); }));
  set2(Opcode::logical_xor, binary<Result>([](VecF a, VecF b) -> VecI { return (a != 0.0f) ^ (b != 0.0f); }));
}

template <class Condition>
ADDAX_INLINE void select_by(const void* c, const void* a, int a_step, const void* b, int b_step, void* y, int64_t n) {
  const auto pick = [](VecI m, VecF u, VecF v) { return select(m, u, v); };
  if (a_step && b_step) {
    each_vector<Floats>(y, n, pick, Condition(c), Each(a), Each(b));
  } else {
    each_vector<Floats>(y, n, pick, Condition(c), EachOrSame{static_cast<const float*>(a), a_step},
                        EachOrSame{static_cast<const float*>(b), b_step});
  }
}

template <class Condition, class Flag>
void select_row(const void* c, int c_step, const void* a, int a_step, const void* b, int b_step, void* y, int64_t n) {
  if (c_step == 1) return select_by<Condition>(c, a, a_step, b, b_step, y, n);
  const bool first = *static_cast<const Flag*>(c) != 0;
  each_vector<Floats>(
      y, n, [](VecF x) { return x; }, EachOrSame{static_cast<const float*>(first ? a : b), first ? a_step : b_step});
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
  for (Rows* rows : {&table.f32, &table.fused}) {
    fill_unary(*rows);
    fill_binary(*rows);
  }
  fill_predicates<Bools>(table.f32);
  fill_predicates<Truths>(table.fused);
  table.f32.select = select_row<EachBool, std::uint8_t>;
  table.fused.select = select_row<EachTruth, float>;
  table.half_to_float = half_to_float;
  table.float_to_half = float_to_half;
}

}  // namespace addax::kernels::ADDAX_ISA_NS
