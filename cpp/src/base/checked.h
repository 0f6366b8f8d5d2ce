// Arithmetic on sizes that throws instead of wrapping. Always inlined: kernels are compiled once per instruction set,
// and a shared out-of-line copy could carry instructions that the machine lacks.
#pragma once

#include <cstdint>

#include "addax/error.h"

namespace addax {

[[gnu::always_inline]] inline std::int64_t checked_mul(std::int64_t a, std::int64_t b) {
  std::int64_t result;
  if (__builtin_mul_overflow(a, b, &result)) throw Error(ErrorKind::value, "a size is too large for 64 bits");
  return result;
}

[[gnu::always_inline]] inline std::int64_t checked_add(std::int64_t a, std::int64_t b) {
  std::int64_t result;
  if (__builtin_add_overflow(a, b, &result)) throw Error(ErrorKind::value, "a size is too large for 64 bits");
  return result;
}

// ⌈a / b⌉ for a ≥ 0, b > 0, without the overflow of (a + b − 1).
[[gnu::always_inline]] inline std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return a / b + (a % b != 0); }

}  // namespace addax
