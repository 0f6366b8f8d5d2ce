// Elementary functions of float32 vectors, about 1 ulp, at most 2 unless said otherwise (tests/cpp/vmath_test.cpp
// measures them). NaN, infinities, signed zeros and denormals go through as in libm. Polynomials:
// tools/fit_polynomials.py; argument reductions: Cody and Waite, "Software Manual for the Elementary Functions" (1980),
// unless another source stands beside the function.
#pragma once

#include <cmath>
#include <limits>

#include "kernels/simd.h"

namespace addax::kernels::ADDAX_ISA_NS {

inline constexpr float kInfinity = std::numeric_limits<float>::infinity();
inline constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
inline constexpr int kLanesF = kLanes<float>;

// c0 + c1 t + c2 t² + … by Horner.
template <class V, class... C>
ADDAX_INLINE V horner(V t, Lane<V> c0, C... rest) {
  if constexpr (sizeof...(rest) == 0) {
    return splat(c0);
  } else {
    return fma(horner(t, static_cast<Lane<V>>(rest)...), t, splat(c0));
  }
}

ADDAX_INLINE VecF copy_sign(VecF magnitude, VecF sign) {
  constexpr std::int32_t top = std::int32_t{-0x7fffffff} - 1;
  return as<float>((as<std::int32_t>(magnitude) & 0x7fffffff) | (as<std::int32_t>(sign) & top));
}

// 2^n for −126 ≤ n ≤ 127.
ADDAX_INLINE VecF power_of_two(VecI n) { return as<float>((n + 127) << 23); }

// v · 2^n, rounded once, for integral n, −252 ≤ n ≤ 254.
ADDAX_INLINE VecF scale(VecF v, VecF n) {
#if defined(__AVX512F__)
  return (VecF)_mm512_maskz_scalef_ps(0xffff, (__m512)v, (__m512)n);
#else
  const VecI whole = convert<std::int32_t>(n), half = whole >> 1;
  return v * power_of_two(half) * power_of_two(whole - half);
#endif
}

// Half of the lanes as doubles, and two such halves as floats.
typedef float HalfVecF __attribute__((vector_size(kVectorBytes / 2)));
ADDAX_INLINE VecD widen(VecF v, int half) {
  HalfVecF part;
  std::memcpy(&part, reinterpret_cast<const char*>(&v) + half * (kVectorBytes / 2), sizeof part);
  return __builtin_convertvector(part, VecD);
}
ADDAX_INLINE VecF narrow(VecD low, VecD high) {
  const HalfVecF parts[2] = {__builtin_convertvector(low, HalfVecF), __builtin_convertvector(high, HalfVecF)};
  VecF v;
  std::memcpy(&v, parts, sizeof v);
  return v;
}

// Applies a scalar function to each lane: for functions that are not worth a vector form.
template <class F>
ADDAX_INLINE VecF by_lane(VecF x, F f) {
  VecF y = x;
  for (int i = 0; i < kLanesF; ++i) y[i] = f(x[i]);
  return y;
}

// ---- exp and its kin

// 2^r for |r| ≤ ½.
ADDAX_INLINE VecF exp2_of_fraction(VecF r) {
  return horner(r, 1.0f, 0.693146978f, 0.240222421f, 0.0555073374f, 0.00967151266f, 0.00132647269f);
}

struct ExpParts {
  VecF r;  // x − n ln 2, |r| ≤ ln 2 / 2
  VecF p;  // exp(r) − 1
  VecF n;
};

// x in [−150 ln 2, 129 ln 2], or NaN.
ADDAX_INLINE ExpParts exp_parts(VecF x) {
  const VecF n = round_even(x * 1.44269504f);
  VecF r = fma(n, splat(-0.693359375f), x);  // exact: 9 bits times n
  r = fma(n, splat(2.12194440e-4f), r);
  const VecF q = horner(r, 0.49999994f, 0.166665152f, 0.0416684076f, 0.00836934801f, 0.00138154032f);
  return {r, fma(q, r * r, r), n};
}

ADDAX_INLINE VecF clamp_keeping_nan(VecF x, float low, float high) {
  x = select(x < low, splat(low), x);
  return select(x > high, splat(high), x);
}

// exp(x) · 2^shift, without the overflow of the first factor.
ADDAX_INLINE VecF exp_shifted(VecF x, int shift) {
  const ExpParts e = exp_parts(clamp_keeping_nan(x, -104.0f, 89.5f));
  return scale(e.p + 1.0f, e.n + static_cast<float>(shift));
}

ADDAX_INLINE VecF exp(VecF x) { return exp_shifted(x, 0); }

ADDAX_INLINE VecF expm1(VecF x) {
  const ExpParts e = exp_parts(clamp_keeping_nan(x, -18.0f, 88.9f));
  // 2^n (p + 1) − 1 with half of 2^n, which is finite for every n.
  const VecF half = power_of_two(convert<std::int32_t>(e.n - 1.0f));
  const VecF y = fma(half, e.p, half - 0.5f) * 2.0f;
  return select(e.n == 0.0f, select(x == 0.0f, x, e.p), y);
}

// sinh's and cosh's exp(|x|) / 2 and exp(−|x|) / 2.
ADDAX_INLINE VecF sinh(VecF x) {
  const VecF a = abs(x), z = x * x;
  const VecF e = exp_shifted(a, -1);
  const VecF large = e - 0.25f / e;
  const VecF small = fma(a * z, horner(z, 0.166666672f, 0.0083333496f, 0.000198361595f, 2.81695134e-06f), a);
  return copy_sign(select(a < 1.0f, small, large), x);
}

ADDAX_INLINE VecF cosh(VecF x) {
  const VecF e = exp_shifted(abs(x), -1);
  return e + 0.25f / e;
}

ADDAX_INLINE VecF tanh(VecF x) {
  const VecF a = abs(x), z = x * x;
  const VecF large = 1.0f - 2.0f / (exp(a + a) + 1.0f);
  const VecF small =
      fma(a * z, horner(z, -0.333332807f, 0.133314416f, -0.0537397154f, 0.0206390861f, -0.0057049864f), a);
  return copy_sign(select(a < 0.625f, small, large), x);
}

// By sign, so that neither end overflows and small results keep their precision. What the sum e + 1 loses is known
// exactly (Dekker 1971, e ≤ 1) and put back: without it the error reaches 2.03 ulp.
ADDAX_INLINE VecF sigmoid(VecF x) {
  const VecF e = exp(-abs(x)), sum = e + 1.0f, lost = e - (sum - 1.0f);
  const VecF y = select(x < 0.0f, e, splat(1.0f)) / sum;
  const VecF reciprocal = select(x < 0.0f, 1.0f - y, y);  // of the sum
  return fma(-lost * y, reciprocal, y);
}

// ---- log and its kin

// log(2^k (1 + f)) for f in [√½ − 1, √2 − 1], k integral.
ADDAX_INLINE VecF log_of_parts(VecF k, VecF f) {
  const VecF z = f * f;
  VecF y = horner(f, 0.333333135f, -0.250000089f, 0.200021192f, -0.166679963f, 0.142195523f, -0.124055892f,
                  0.118881628f, -0.116756514f, 0.0674663857f) *
           (f * z);
  y = fma(k, splat(-2.12194440e-4f), y);
  y = fma(z, splat(-0.5f), y);
  return fma(k, splat(0.693359375f), f + y);
}

struct LogParts {
  VecI k;
  VecF m;  // x = 2^k m, m in [√½, √2)
};
ADDAX_INLINE LogParts log_parts(VecF x) {
  constexpr std::int32_t root_half = 0x3f3504f3;
  const VecI bits = (VecI)(as<std::uint32_t>(x) - root_half);  // wraps for negative x, whose result is not used
  return {bits >> 23, as<float>((bits & 0x7fffff) + root_half)};
}

ADDAX_INLINE VecF log(VecF x) {
  const VecI tiny = x < 1.17549435e-38f;
  const LogParts p = log_parts(select(tiny, x * 33554432.0f, x));  // denormals: 2^25 x
  const VecF k = convert<float>(p.k) - select(tiny, splat(25.0f), splat(0.0f));
  VecF y = log_of_parts(k, p.m - 1.0f);
  y = select(x == 0.0f, splat(-kInfinity), y);
  y = select(x < 0.0f, splat(kNaN), y);
  return select((x == kInfinity) | (x != x), x, y);
}

// What rounding 1 + x loses, c, returns to the reduced argument as c 2^−k.
ADDAX_INLINE VecF log1p(VecF x) {
  const VecF u = x + 1.0f;
  const VecF c = select(u > 2.0f, 1.0f - (u - x), x - (u - 1.0f));
  const LogParts p = log_parts(u);
  const VecF f = (p.m - 1.0f) + scale(c, -convert<float>(p.k));
  VecF y = log_of_parts(convert<float>(p.k), f);
  y = select(abs(x) < 1e-8f, x, y);
  y = select(x == -1.0f, splat(-kInfinity), y);
  y = select(x < -1.0f, splat(kNaN), y);
  return select((x == kInfinity) | (x != x), x, y);
}

// log(1 + x) for x in [0, 1]: 2^k is 1 or 2, so the reduced argument needs no correction.
ADDAX_INLINE VecF log1p_of_fraction(VecF x) {
  const VecI upper = x > 0.414213562f;
  return log_of_parts(select(upper, splat(1.0f), splat(0.0f)), select(upper, x * 0.5f - 0.5f, x));
}

// max(x, 0) + log(1 + exp(−|x|)).
ADDAX_INLINE VecF softplus(VecF x) { return relu_of(x) + log1p_of_fraction(exp(-abs(x))); }

ADDAX_INLINE VecF arcsinh(VecF x) {
  const VecF a = abs(x);
  const VecI large = a > 1e9f;  // a² would overflow further on; here 1 no longer counts
  const VecF b = select(large, splat(1.0f), a);
  const VecF y = log1p(select(large, a, b + b * b / (1.0f + sqrt(fma(b, b, splat(1.0f))))));
  return copy_sign(select(large, y + 0.693147181f, y), x);
}

ADDAX_INLINE VecF arccosh(VecF x) {
  const VecI large = x > 1e9f;
  const VecF t = select(large, splat(1.0f), x) - 1.0f;
  const VecF y = log1p(select(large, x, t + sqrt(t * (t + 2.0f))));
  return select(x < 1.0f, splat(kNaN), select(large, y + 0.693147181f, y));
}

ADDAX_INLINE VecF arctanh(VecF x) {
  const VecF a = abs(x);
  return copy_sign(0.5f * log1p((a + a) / (1.0f - a)), x);
}

// ---- error function

ADDAX_INLINE VecF erf(VecF x) {
  const VecF a = abs(x), z = x * x;
  const VecF small = fma(x,
                         horner(z, 0.12837916709551257f, -0.376126319f, 0.112836637f, -0.0268577058f, 0.00519695226f,
                                -0.000809770369f, 8.18509361e-05f),
                         x);
  const VecF t = select(a > 4.0f, splat(4.0f), a);  // erf(4) is 1 in float32
  const VecF log_erfc = horner(t, 0.000150612308f, -1.12938178f, -0.633663356f, -0.107858188f, 0.0247744918f,
                               -0.00399409048f, 0.000378846278f, -1.13107562e-05f, -7.3750067e-07f);
  const VecF large = copy_sign(1.0f - exp(log_erfc), x);
  return select(a < 0.92f, small, select(x != x, x, large));
}

// ---- Gaussian error linear unit: x Φ(x), Φ the normal distribution (Hendrycks & Gimpel, 2016, arXiv:1606.08415)

struct NormalTail {
  VecF t;  // min(|x|, 13): further out it is 0 in float32
  VecF q;  // Φ(−t)
};
// By the logarithm of Φ(−t) to base 2, so that small values are exact to the logarithm's precision, where 1 + erf would
// have lost all of it.
ADDAX_INLINE NormalTail normal_tail(VecF x) {
  const VecF a = abs(x), t = select(a > 13.0f, splat(13.0f), a);
  const VecF log2_q =
      horner(t, -1.0f, -1.15110403f, -0.459225224f, -0.0524140566f, 0.00687732561f, 9.21312963e-05f, -0.00035007907f,
             0.000109299137f, -2.0536223e-05f, 2.59029276e-06f, -2.15164963e-07f, 1.06681824e-08f, -2.39327144e-10f);
  const VecF n = round_even(log2_q);
  return {t, scale(exp2_of_fraction(log2_q - n), n)};
}

ADDAX_INLINE VecF gelu(VecF x) {
  const NormalTail tail = normal_tail(x);
  return select(x < 0.0f, -tail.t * tail.q, x * (1.0f - tail.q));
}

// Φ(x) + x φ(x), which is q − t φ(t) at −t; that over q is a polynomial.
ADDAX_INLINE VecF gelu_slope(VecF x) {
  const NormalTail tail = normal_tail(x);
  const VecF below =
      tail.q * horner(tail.t, 1.0f, -0.797886241f, -0.636597505f, -0.109116391f, 0.0193882051f, -0.000142505367f,
                      -0.00105727142f, 0.000318278047f, -4.43826284e-05f, 2.53746202e-06f);
  return select(x < 0.0f, below, 1.0f - below);
}

// M. Giles, "Approximating the erfinv function", GPU Computing Gems (2011), single precision; a few ulp.
ADDAX_INLINE VecF erfinv(VecF x) {
  const VecF a = abs(x);  // 1 − a is exact where 1 − x² would cancel
  const VecF w = -select(a > 0.5f, log((1.0f - a) * (1.0f + a)), log1p(-x * x));
  const VecI central = w < 5.0f;
  const VecF c = w - 2.5f;
  const VecF near = horner(c, 1.50140941f, 0.246640727f, -0.00417768164f, -0.00125372503f, 0.000218580870f,
                           -4.39150654e-06f, -3.5233877e-06f, 3.43273939e-07f, 2.81022636e-08f);
  const VecF s = sqrt(select(central, splat(5.0f), w)) - 3.0f;
  const VecF far = horner(s, 2.83297682f, 1.00167406f, 0.00943887047f, -0.0076224613f, 0.00573950773f, -0.00367342844f,
                          0.00134934322f, 0.000100950558f, -0.000200214257f);
  VecF y = select(central, near, far) * x;
  y = select(a == 1.0f, copy_sign(splat(kInfinity), x), y);
  return select(a > 1.0f, splat(kNaN), y);
}

// ---- circular functions

struct SineCosine {
  VecF sine, cosine;
};
// |r| ≤ π/4.
ADDAX_INLINE SineCosine sine_cosine(VecF r) {
  const VecF z = r * r;
  return {fma(r * z, horner(z, -0.166666538f, 0.0083321128f, -0.000195087414f), r),
          fma(z * z, horner(z, 0.0416666456f, -0.0013887306f, 2.4431205e-05f), fma(z, splat(-0.5f), splat(1.0f)))};
}

struct CircularParts {
  VecF sine, cosine;  // of the angle within its quadrant, [−π/4, π/4]
  VecI quadrant;
};

// Beyond this the quadrant no longer fits what follows; such lanes go to libm.
inline constexpr float kLargeAngle = 100000.0f;

// x − n π/2 in double, π/2 in two parts of which the first times n is exact: floats close to a multiple of π/2 keep
// their precision.
ADDAX_INLINE VecD reduce_angle(VecD x, VecD n) {
  return fma(n, splat(-6.07710050630396597660e-11), fma(n, splat(-1.57079632673412561417), x));
}

ADDAX_INLINE CircularParts circular_parts(VecF x) {
  const VecF n = round_even(x * 0.636619772f);
  const VecF r = narrow(reduce_angle(widen(x, 0), widen(n, 0)), reduce_angle(widen(x, 1), widen(n, 1)));
  const SineCosine s = sine_cosine(r);
  return {s.sine, s.cosine, convert<std::int32_t>(n)};
}
template <class F>
ADDAX_INLINE VecF with_large_angles(VecF x, VecF y, F exact) {
  const VecI large = abs(x) > kLargeAngle;
  if (__builtin_expect(any(large), 0)) {
    for (int i = 0; i < kLanesF; ++i)
      if (large[i]) y[i] = exact(x[i]);
  }
  return y;
}

ADDAX_INLINE VecF sin(VecF x) {
  const CircularParts p = circular_parts(x);
  VecF y = select((p.quadrant & 1) != 0, p.cosine, p.sine);
  y = as<float>(as<std::int32_t>(y) ^ ((p.quadrant & 2) << 30));
  return with_large_angles(x, select(x == 0.0f, x, y), [](float v) { return __builtin_sinf(v); });
}

ADDAX_INLINE VecF cos(VecF x) {
  const CircularParts p = circular_parts(x);
  VecF y = select((p.quadrant & 1) != 0, p.sine, p.cosine);
  y = as<float>(as<std::int32_t>(y) ^ (((p.quadrant + 1) & 2) << 30));
  return with_large_angles(x, y, [](float v) { return __builtin_cosf(v); });
}

ADDAX_INLINE VecF tan(VecF x) {
  const CircularParts p = circular_parts(x);
  const VecI odd = (p.quadrant & 1) != 0;
  const VecF y = select(odd, -p.cosine, p.sine) / select(odd, p.sine, p.cosine);
  return with_large_angles(x, select(x == 0.0f, x, y), [](float v) { return __builtin_tanf(v); });
}

// arctan(a / b) for 0 ≤ a ≤ b, b > 0.
ADDAX_INLINE VecF arctan_of_ratio(VecF a, VecF b) {
  const VecI upper = a > b * 0.414213562f;  // tan(π/8): there arctan(t) = π/4 + arctan((t − 1) / (t + 1))
  const VecF t = select(upper, a - b, a) / select(upper, a + b, b);
  const VecF z = t * t;
  const VecF y = fma(t * z, horner(z, -0.333333135f, 0.199983582f, -0.142412692f, 0.105763003f, -0.0603210703f), t);
  return select(upper, 0.785398163f + (y - 2.18556941e-08f), y);
}

inline constexpr float kHalfPi = 1.57079633f, kHalfPiLow = -4.37113883e-08f;

ADDAX_INLINE VecF arctan(VecF x) {
  const VecF a = abs(x), one = splat(1.0f);
  const VecI steep = a > 1.0f;
  VecF y = arctan_of_ratio(select(steep, one, a), select(steep, a, one));
  y = select(steep, kHalfPi - (y - kHalfPiLow), y);
  return copy_sign(y, x);
}

// The angle of (x, y), in the half-plane and with the signed zeros of C's atan2.
ADDAX_INLINE VecF arctan2(VecF y, VecF x) {
  const VecF ax = abs(x), ay = abs(y);
  const VecI steep = ay > ax;
  VecF low = select(steep, ax, ay), high = select(steep, ay, ax);
  const VecI both_infinite = low == kInfinity;
  low = select(both_infinite, splat(1.0f), low);
  high = select(both_infinite, splat(1.0f), select(high == 0.0f, splat(1.0f), high));
  const VecI huge = high > 1e37f;  // keeps high + low finite
  const VecF factor = select(huge, splat(0.125f), splat(1.0f));
  VecF t = arctan_of_ratio(low * factor, high * factor);
  t = select(steep, kHalfPi - (t - kHalfPiLow), t);
  t = select(as<std::int32_t>(x) < 0, 2 * kHalfPi - (t - 2 * kHalfPiLow), t);
  return select((x != x) | (y != y), x + y, copy_sign(t, y));
}

// arcsin(x) for |x| ≤ ½, with z = x².
ADDAX_INLINE VecF arcsin_small(VecF x, VecF z) {
  return fma(x * z, horner(z, 0.166667521f, 0.0749529749f, 0.0454703756f, 0.0241795164f, 0.0421663076f), x);
}

// Beyond ½: arcsin(a) = π/2 − 2 arcsin(√((1 − a) / 2)).
ADDAX_INLINE VecF arcsin(VecF x) {
  const VecF a = abs(x);
  const VecI outer = a > 0.5f;
  const VecF z = select(outer, 0.5f - 0.5f * a, a * a);
  const VecF y = arcsin_small(select(outer, sqrt(z), a), z);
  return copy_sign(select(outer, kHalfPi - (y + y - kHalfPiLow), y), x);
}

ADDAX_INLINE VecF arccos(VecF x) {
  const VecF a = abs(x);
  const VecI outer = a > 0.5f;
  const VecF z = select(outer, 0.5f - 0.5f * a, a * a);
  const VecF y = arcsin_small(select(outer, sqrt(z), x), z);
  const VecF end = select(x < 0.0f, 2 * kHalfPi - (y + y - 2 * kHalfPiLow), y + y);
  return select(outer, end, kHalfPi - (y - kHalfPiLow));
}

// ---- powers

// Adding 1.5 · 2^52 puts an integer of up to 51 bits into the low bits of a double.
inline constexpr double kShift = 6755399441055744.0;
inline constexpr std::int64_t kShiftBits = 0x4338000000000000;

// a^b for a > 0 finite, as exp2(b log2 a) in double: the 8 bits that the exponent takes away are to spare.
ADDAX_INLINE VecD power_positive(VecD a, VecD b) {
  constexpr std::int64_t root_half = 0x3fe6a09e667f3bcd;
  const VecL bits = as<std::int64_t>(a) - root_half;
  const VecL k = bits >> 52;
  const VecD f = as<double>((bits & 0xfffffffffffff) + root_half) - 1.0;
  const VecD s = f / (f + 2.0), z = s * s;
  const VecD p = horner(z, 0.33333333314575775, 0.20000009012434308, 0.14284307285897818, 0.11207052114926393,
                        0.061155511360406506, 0.42271557208530269);
  const VecD log2 = as<double>(k + kShiftBits) - kShift + (s + s * z * p) * 2.8853900817779268;  // 2 / ln 2
  VecD e = b * log2;
  e = select(e > 1000.0, splat(1000.0), select(e < -1000.0, splat(-1000.0), e));
  const VecD n = round_even(e);
  const VecD power = horner(e - n, 1.0000000000000269, 0.69314718054593016, 0.24022650695468706, 0.055504109412155847,
                            0.0096181292282656334, 0.0013333450560123012, 0.0001540341176996933, 1.5310081242569774e-05,
                            1.326404331995859e-06);
  return power * as<double>((as<std::int64_t>(n + kShift) + 1023) << 52);
}

// C's pow, special cases included.
ADDAX_INLINE VecF power(VecF a, VecF b) {
  const VecF m = abs(a);
  const VecI ordinary = (m > 0.0f) & (m < kInfinity);
  const VecF base = select(ordinary, m, splat(1.0f));
  VecF y = narrow(power_positive(widen(base, 0), widen(b, 0)), power_positive(widen(base, 1), widen(b, 1)));
  const VecF whole = trunc(b);
  const VecI integral = (whole == b) | (abs(b) == kInfinity);
  // Integers above 2^24 are even in float32.
  const VecI odd = integral & (abs(b) < 16777216.0f) & (trunc(b * 0.5f) != b * 0.5f);
  const VecI to_zero = (m == 0.0f) ^ (b < 0.0f);  // for m of 0 or infinity
  y = select(ordinary, y, select(to_zero, splat(0.0f), splat(kInfinity)));
  const VecF magnitude_at_infinity = select((m > 1.0f) ^ (b < 0.0f), splat(kInfinity), splat(0.0f));
  y = select(abs(b) == kInfinity, select(m == 1.0f, splat(1.0f), magnitude_at_infinity), y);
  y = select((as<std::int32_t>(a) < 0) & odd, -y, y);
  y = select((a < 0.0f) & (a > -kInfinity) & ~integral, splat(kNaN), y);
  y = select((a != a) | (b != b), a + b, y);
  return select((b == 0.0f) | (a == 1.0f), splat(1.0f), y);
}

}  // namespace addax::kernels::ADDAX_ISA_NS
