// 16-bit floats: storage, and their conversion from and to wider ones, rounded to nearest even, once.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

namespace addax::kernels {

struct Half {  // IEEE binary16
  std::uint16_t bits;
};
struct BrainHalf {  // bfloat16: the upper half of a float32
  std::uint16_t bits;
};

[[gnu::always_inline]] inline float to_float(BrainHalf h) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(h.bits) << 16);
}

[[gnu::always_inline]] inline BrainHalf to_brain_half(float x) {
  const auto bits = std::bit_cast<std::uint32_t>(x);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return {static_cast<std::uint16_t>(bits >> 16 | 0x40)};  // a quiet NaN
  return {static_cast<std::uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16)};
}

// The exponents differ by 112; a multiplication by 2^112 also makes denormals right.
[[gnu::always_inline]] inline float to_float(Half h) {
  const std::uint32_t sign = static_cast<std::uint32_t>(h.bits & 0x8000) << 16, rest = h.bits & 0x7fffu;
  if (rest >= 0x7c00) return std::bit_cast<float>(sign | 0x7f800000u | (rest & 0x3ff) << 13);
  // By way of an integer for denormals, which stay right when the caller flushes float32's.
  if (rest < 0x400)
    return std::bit_cast<float>(sign | std::bit_cast<std::uint32_t>(static_cast<float>(rest) * 0x1p-24f));
  return std::bit_cast<float>(sign | ((rest << 13) + (112u << 23)));
}

[[gnu::always_inline]] inline Half to_half(float x) {
  const auto bits = std::bit_cast<std::uint32_t>(x);
  const auto sign = static_cast<std::uint16_t>(bits >> 16 & 0x8000);
  const std::uint32_t rest = bits & 0x7fffffffu;
  std::uint32_t half;
  if (rest > 0x7f800000u) {
    half = 0x7e00 | (rest >> 13 & 0x3ff);
  } else if (rest >= 0x477ff000u) {  // 65520 and more round to infinity
    half = 0x7c00;
  } else if (rest < 0x38800000u) {  // below 2^-14: a multiple of 2^-24, rounded by adding ½, whose last bit is 2^-24
    half = std::bit_cast<std::uint32_t>(std::bit_cast<float>(rest) + 0.5f) - 0x3f000000u;
  } else {
    half = (rest - (112u << 23) + 0xfff + (rest >> 13 & 1)) >> 13;
  }
  return {static_cast<std::uint16_t>(sign | half)};
}

// The float32 from which a later rounding to 16 bits gives what rounding x at once would: truncated, with the last bit
// set if something was lost ("round to odd").
[[gnu::always_inline]] inline float to_odd_float(double x) {
  const float y = static_cast<float>(x);
  if (static_cast<double>(y) == x || y != y) return y;
  auto bits = std::bit_cast<std::uint32_t>(y);
  if (std::fabs(static_cast<double>(y)) > std::fabs(x)) --bits;
  return std::bit_cast<float>(bits | 1);
}

}  // namespace addax::kernels
