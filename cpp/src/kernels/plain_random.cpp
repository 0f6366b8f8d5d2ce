// One block at a time: the reference for random.cpp's vectors, and the draws that need double precision or a random
// number of words.
#include <algorithm>
#include <cmath>
#include <limits>

#include "base/parallel.h"
#include "kernels/elementwise.h"
#include "kernels/random.h"

namespace addax::kernels {
namespace {

using std::int64_t;
using std::uint64_t;

constexpr int64_t kGrain = 4096;
constexpr double kTwoPi = 6.283185307179586;

PhiloxBlock block_of(Stream s, uint64_t block) {
  const auto low = [](uint64_t x) { return static_cast<std::uint32_t>(x); };
  const auto high = [](uint64_t x) { return static_cast<std::uint32_t>(x >> 32); };
  return philox({{low(block), high(block), low(s.counter), high(s.counter)}}, low(s.seed), high(s.seed));
}

PhiloxBlock attempt_of(Stream s, int64_t element, uint64_t attempt) {
  return block_of(s, static_cast<uint64_t>(element) | attempt << 48);
}

uint64_t pair_of(const PhiloxBlock& b, int64_t half) {
  return b.word[2 * half] | static_cast<uint64_t>(b.word[2 * half + 1]) << 32;
}

double to_unit(uint64_t bits) { return static_cast<double>(bits >> 11) * 0x1p-53; }               // [0, 1)
double to_open_unit(uint64_t bits) { return (static_cast<double>(bits >> 12) + 0.5) * 0x1p-52; }  // (0, 1)
double to_open_unit(std::uint32_t bits) { return (static_cast<double>(bits) + 0.5) * 0x1p-32; }

// out[2b] and out[2b + 1] from block b: f(block, values).
template <class F>
void by_pairs(Stream stream, double* out, int64_t n, F f) {
  parallel_for(n, kGrain, [=](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; i += 2) {
      double value[2];
      f(block_of(stream, static_cast<uint64_t>(i / 2)), value);
      out[i] = value[0];
      if (i + 1 < last) out[i + 1] = value[1];
    }
  });
}

// A number below `range` (0: 2^64) from 64 bits, or nothing where taking it would favour some numbers.
bool below(uint64_t bits, uint64_t range, uint64_t& result) {
  if (range == 0) {
    result = bits;
    return true;
  }
  const unsigned __int128 product = static_cast<unsigned __int128>(bits) * range;
  result = static_cast<uint64_t>(product >> 64);
  const auto fraction = static_cast<uint64_t>(product);
  return fraction >= range || fraction >= (0 - range) % range;
}

// One try for shape a ≥ 1; gives NaN when it is rejected.
double gamma_attempt(double a, const PhiloxBlock& b) {
  const double radius = std::sqrt(-2 * std::log(to_open_unit(b.word[0])));
  const double x = radius * std::cos(kTwoPi * to_open_unit(b.word[1])), u = to_open_unit(b.word[2]);
  const double d = a - 1.0 / 3, c = 1 / std::sqrt(9 * d), root = 1 + c * x;
  if (root <= 0) return std::nan("");
  const double v = root * root * root;
  return std::log(u) < 0.5 * x * x + d - d * v + d * std::log(v) ? d * v : std::nan("");
}

// Attempts of element i; 2^15 rejections in a row do not happen (each has a chance below 5 %).
double gamma_of(Stream stream, int64_t i, double a) {
  if (!(a >= 0)) return std::nan("");
  if (a == 0 || a == std::numeric_limits<double>::infinity()) return a;
  const double raised = a < 1 ? a + 1 : a;
  for (uint64_t attempt = 1; attempt < 0x8000; ++attempt) {
    const double g = gamma_attempt(raised, attempt_of(stream, i, attempt));
    if (g != g) continue;
    if (a >= 1) return g;
    // gamma(a) = gamma(a + 1) u^(1/a); attempt 2^16 − 1 is left for u.
    return g * std::pow(to_open_unit(pair_of(attempt_of(stream, i, 0xffff), 0)), 1 / a);
  }
  return raised;
}

}  // namespace

PhiloxBlock philox(PhiloxBlock c, std::uint32_t k0, std::uint32_t k1) {
  for (int round = 0; round < 10; ++round) {
    const uint64_t p0 = uint64_t{0xD2511F53u} * c.word[0], p1 = uint64_t{0xCD9E8D57u} * c.word[2];
    c = {{static_cast<std::uint32_t>(p1 >> 32) ^ c.word[1] ^ k0, static_cast<std::uint32_t>(p1),
          static_cast<std::uint32_t>(p0 >> 32) ^ c.word[3] ^ k1, static_cast<std::uint32_t>(p0)}};
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return c;
}

void uniform_f64(Stream stream, double* out, int64_t n) {
  by_pairs(stream, out, n, [](const PhiloxBlock& b, double* value) {
    for (int k = 0; k < 2; ++k) value[k] = to_unit(pair_of(b, k));
  });
}

void normal_f64(Stream stream, double* out, int64_t n) {
  by_pairs(stream, out, n, [](const PhiloxBlock& b, double* value) {
    const double radius = std::sqrt(-2 * std::log(to_open_unit(pair_of(b, 0)))),
                 angle = kTwoPi * to_unit(pair_of(b, 1));
    value[0] = radius * std::cos(angle);
    value[1] = radius * std::sin(angle);
  });
}

void truncated_normal_f64(Stream stream, double* out, int64_t n) {
  const UnaryRow inverse = rows_of(Element::float64).unary[static_cast<int>(Opcode::erfinv)];
  by_pairs(stream, out, n, [=](const PhiloxBlock& b, double* value) {
    for (int k = 0; k < 2; ++k) value[k] = (2 * to_open_unit(pair_of(b, k)) - 1) * 0.9544997361036416;  // erf(√2)
    inverse(value, value, 2);
    for (int k = 0; k < 2; ++k) value[k] = std::clamp(M_SQRT2 * value[k], -2.0, 2.0);
  });
}

template <class T>
void integers(Stream stream, int64_t low, int64_t high, T* out, int64_t n) {
  const uint64_t range = static_cast<uint64_t>(high) - static_cast<uint64_t>(low);
  parallel_for(n, kGrain, [=](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i) {
      uint64_t value;
      bool taken = below(pair_of(block_of(stream, static_cast<uint64_t>(i / 2)), i % 2), range, value);
      for (uint64_t attempt = 1; !taken && attempt < 0x10000; ++attempt)
        taken = below(pair_of(attempt_of(stream, i, attempt), 0), range, value);
      out[i] = static_cast<T>(static_cast<uint64_t>(low) + value);
    }
  });
}
template void integers(Stream, int64_t, int64_t, std::uint8_t*, int64_t);
template void integers(Stream, int64_t, int64_t, std::int32_t*, int64_t);
template void integers(Stream, int64_t, int64_t, std::int64_t*, int64_t);

template <class T>
void gamma(Stream stream, const T* alpha, T* out, int64_t n) {
  parallel_for(n, kGrain / 8, [=](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i) out[i] = static_cast<T>(gamma_of(stream, i, static_cast<double>(alpha[i])));
  });
}
template void gamma(Stream, const float*, float*, int64_t);
template void gamma(Stream, const double*, double*, int64_t);

}  // namespace addax::kernels
