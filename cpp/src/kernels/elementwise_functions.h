// The functions behind the opcodes, on vectors: `visit(opcode, function)` for each. Rows (elementwise.cpp) and fused
// lists (fused_steps.cpp) are made of the same ones, so that both give the same bits.
#pragma once

#include "kernels/elementwise.h"
#include "kernels/vmath.h"

namespace addax::kernels::ADDAX_ISA_NS {

ADDAX_INLINE VecF truth(VecI mask) { return as<float>(mask & 0x3f800000); }  // 1.0f or 0.0f

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

template <class Visit>
void visit_unary(Visit visit) {
  visit(Opcode::identity, [](VecF x) { return x; });
  visit(Opcode::negative, [](VecF x) { return -x; });
  visit(Opcode::abs, [](VecF x) { return abs(x); });
  visit(Opcode::sign, [](VecF x) { return select(x != x, x, truth(x > 0.0f) - truth(x < 0.0f)); });
  visit(Opcode::square, [](VecF x) { return x * x; });
  visit(Opcode::sqrt, [](VecF x) { return sqrt(x); });
  visit(Opcode::rsqrt, [](VecF x) { return 1.0f / sqrt(x); });
  visit(Opcode::reciprocal, [](VecF x) { return 1.0f / x; });
  visit(Opcode::exp, [](VecF x) { return exp(x); });
  visit(Opcode::expm1, [](VecF x) { return expm1(x); });
  visit(Opcode::log, [](VecF x) { return log(x); });
  visit(Opcode::log1p, [](VecF x) { return log1p(x); });
  visit(Opcode::sin, [](VecF x) { return sin(x); });
  visit(Opcode::cos, [](VecF x) { return cos(x); });
  visit(Opcode::tan, [](VecF x) { return tan(x); });
  visit(Opcode::arcsin, [](VecF x) { return arcsin(x); });
  visit(Opcode::arccos, [](VecF x) { return arccos(x); });
  visit(Opcode::arctan, [](VecF x) { return arctan(x); });
  visit(Opcode::sinh, [](VecF x) { return sinh(x); });
  visit(Opcode::cosh, [](VecF x) { return cosh(x); });
  visit(Opcode::tanh, [](VecF x) { return tanh(x); });
  visit(Opcode::arcsinh, [](VecF x) { return arcsinh(x); });
  visit(Opcode::arccosh, [](VecF x) { return arccosh(x); });
  visit(Opcode::arctanh, [](VecF x) { return arctanh(x); });
  visit(Opcode::erf, [](VecF x) { return erf(x); });
  visit(Opcode::erfinv, [](VecF x) { return erfinv(x); });
  visit(Opcode::sigmoid, [](VecF x) { return sigmoid(x); });
  visit(Opcode::softplus, [](VecF x) { return softplus(x); });
  visit(Opcode::gelu, [](VecF x) { return gelu(x); });
  visit(Opcode::gelu_slope, [](VecF x) { return gelu_slope(x); });
  visit(Opcode::relu, [](VecF x) { return relu_of(x); });
  visit(Opcode::floor, [](VecF x) { return floor(x); });
  visit(Opcode::ceil, [](VecF x) { return ceil(x); });
  visit(Opcode::round, [](VecF x) { return round_even(x); });
  visit(Opcode::trunc, [](VecF x) { return trunc(x); });
}

template <class Visit>
void visit_binary(Visit visit) {
  visit(Opcode::add, [](VecF a, VecF b) { return a + b; });
  visit(Opcode::subtract, [](VecF a, VecF b) { return a - b; });
  visit(Opcode::multiply, [](VecF a, VecF b) { return a * b; });
  visit(Opcode::divide, [](VecF a, VecF b) { return a / b; });
  visit(Opcode::maximum, [](VecF a, VecF b) { return max_nan(a, b); });
  visit(Opcode::minimum, [](VecF a, VecF b) { return min_nan(a, b); });
}

// So long that the way their arguments come does not matter. `power` is apart: exponents have short forms.
template <class Visit>
void visit_long_binary(Visit visit) {
  visit(Opcode::floor_divide, [](VecF a, VecF b) { return by_lanes(a, b, floor_divide_one); });
  visit(Opcode::mod, [](VecF a, VecF b) { return by_lanes(a, b, mod_one); });
  visit(Opcode::arctan2, [](VecF a, VecF b) { return arctan2(a, b); });
}

// Those whose result is a mask.
template <class Visit>
void visit_unary_predicates(Visit visit) {
  visit(Opcode::isnan, [](VecF x) -> VecI { return x != x; });
  visit(Opcode::isinf, [](VecF x) -> VecI { return abs(x) == kInfinity; });
  visit(Opcode::isfinite, [](VecF x) -> VecI { return abs(x) < kInfinity; });
  visit(Opcode::logical_not, [](VecF x) -> VecI { return x == 0.0f; });
}

template <class Visit>
void visit_binary_predicates(Visit visit) {
  visit(Opcode::equal, [](VecF a, VecF b) -> VecI { return a == b; });
  visit(Opcode::not_equal, [](VecF a, VecF b) -> VecI { return a != b; });
  visit(Opcode::less, [](VecF a, VecF b) -> VecI { return a < b; });
  visit(Opcode::less_equal, [](VecF a, VecF b) -> VecI { return a <= b; });
  visit(Opcode::greater, [](VecF a, VecF b) -> VecI { return a > b; });
  visit(Opcode::greater_equal, [](VecF a, VecF b) -> VecI { return a >= b; });
  visit(Opcode::logical_and, [](VecF a, VecF b) -> VecI { return (a != 0.0f) & (b != 0.0f); });
  visit(Opcode::logical_or, [](VecF a, VecF b) -> VecI { return (a != 0.0f) | (b != 0.0f); });
  visit(Opcode::logical_xor, [](VecF a, VecF b) -> VecI { return (a != 0.0f) ^ (b != 0.0f); });
}

}  // namespace addax::kernels::ADDAX_ISA_NS
