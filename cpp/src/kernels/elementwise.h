// Element-wise functions of one row: n consecutive elements. Loops over broadcast shapes are in broadcast.h, lists of
// steps over tiles in fused.h.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace addax::kernels {

// The numbers are written into programs and files: append, never renumber.
enum class Opcode : std::uint8_t {
  // one argument
  identity = 0,
  negative = 1,
  abs = 2,
  sign = 3,
  square = 4,
  sqrt = 5,
  rsqrt = 6,
  reciprocal = 7,
  exp = 8,
  expm1 = 9,
  log = 10,
  log1p = 11,
  sin = 12,
  cos = 13,
  tan = 14,
  arcsin = 15,
  arccos = 16,
  arctan = 17,
  sinh = 18,
  cosh = 19,
  tanh = 20,
  arcsinh = 21,
  arccosh = 22,
  arctanh = 23,
  erf = 24,
  erfinv = 25,
  sigmoid = 26,
  softplus = 27,
  relu = 28,
  floor = 29,
  ceil = 30,
  round = 31,  // half to even
  trunc = 32,
  // one argument, truth value
  isnan = 33,
  isinf = 34,
  isfinite = 35,
  logical_not = 36,
  // one argument again
  gelu = 37,
  gelu_slope = 38,  // its derivative
  // two arguments
  add = 64,
  subtract = 65,
  multiply = 66,
  divide = 67,
  floor_divide = 68,
  mod = 69,
  power = 70,
  maximum = 71,
  minimum = 72,
  arctan2 = 73,
  bitwise_and = 74,
  bitwise_or = 75,
  bitwise_xor = 76,
  left_shift = 77,
  right_shift = 78,
  // two arguments, truth value
  equal = 79,
  not_equal = 80,
  less = 81,
  less_equal = 82,
  greater = 83,
  greater_equal = 84,
  logical_and = 85,
  logical_or = 86,
  logical_xor = 87,
  // three arguments
  where = 112,
};
inline constexpr int kOpcodes = 113;

constexpr int arity(Opcode o) { return o < Opcode::add ? 1 : o < Opcode::where ? 2 : 3; }
// Whether the result is a truth value (bool) whatever the arguments' type.
constexpr bool is_predicate(Opcode o) {
  return (o >= Opcode::isnan && o <= Opcode::logical_not) || (o >= Opcode::equal && o <= Opcode::logical_xor);
}
std::string_view name_of(Opcode opcode);  // the operation's name; empty for a number that is none
std::optional<Opcode> find_opcode(std::string_view name);

// Element types, in the order of addax::DType.
enum class Element : std::uint8_t { boolean, uint8, int32, int64, float16, bfloat16, float32, float64 };
constexpr int size_of(Element e) {
  constexpr int sizes[] = {1, 1, 4, 8, 2, 2, 4, 8};
  return sizes[static_cast<int>(e)];
}

// y[i] = f(x[i]), i < n. Here and below y may be one of the arguments, or apart from them.
using UnaryRow = void (*)(const void* x, void* y, std::int64_t n);
// y[i] = f(a[i · a_step], b[i · b_step]); steps are 0 or 1.
using BinaryRow = void (*)(const void* a, int a_step, const void* b, int b_step, void* y, std::int64_t n);
// y[i] = condition[i · c_step] ? a[i · a_step] : b[i · b_step].
using SelectRow = void (*)(const void* condition, int c_step, const void* a, int a_step, const void* b, int b_step,
                           void* y, std::int64_t n);

// The functions of one element type; null where the type has none. Predicates write bools (bytes of 0 or 1).
struct Rows {
  UnaryRow unary[kOpcodes] = {};
  BinaryRow binary[kOpcodes] = {};
  SelectRow select = nullptr;
};

struct ElementwiseKernels {
  Rows f32;
  UnaryRow half_to_float, float_to_half;
};

// Integers wrap around. Division of integers by zero gives 0, shifts by a negative amount or beyond the width shift
// everything out, a negative power of an integer is truncated to 0 (but for ±1).
const Rows& rows_of(Element element);  // float32: of the active instruction set; null entries for 16-bit floats

// Conversions between any two types. Floats to integers: truncated, saturated; NaN becomes the smallest number, as with
// NumPy on x86: taken as an index it is out of range, never the first row. To bool: not 0. Integers wrap.
UnaryRow cast_row(Element from, Element to);

namespace baseline {
void fill(ElementwiseKernels& table);
}
namespace avx2 {
void fill(ElementwiseKernels& table);
}
namespace avx512 {
void fill(ElementwiseKernels& table);
}
namespace neon {
void fill(ElementwiseKernels& table);
}

}  // namespace addax::kernels
