// The rows of all types but float32, the conversions, and the opcodes' names.
#include <cmath>
#include <limits>
#include <type_traits>

#include "kernels/elementwise.h"
#include "kernels/half.h"
#include "kernels/kernels.h"

namespace addax::kernels {
namespace {

using std::int64_t;

template <class T>
using Unsigned = std::make_unsigned_t<T>;

// ---- Values of integers: like the hardware's, but defined for every argument.

template <class T>
T add(T a, T b) {
  return static_cast<T>(static_cast<Unsigned<T>>(a) + static_cast<Unsigned<T>>(b));
}
template <class T>
T subtract(T a, T b) {
  return static_cast<T>(static_cast<Unsigned<T>>(a) - static_cast<Unsigned<T>>(b));
}
template <class T>
T multiply(T a, T b) {
  return static_cast<T>(static_cast<std::uint64_t>(a) * static_cast<std::uint64_t>(b));
}
template <class T>
bool overflows(T a, T b) {
  return std::is_signed_v<T> && a == std::numeric_limits<T>::min() && b == static_cast<T>(-1);
}
template <class T>
T floor_divide(T a, T b) {
  if (b == 0) return 0;
  if (overflows(a, b)) return a;
  const T quotient = static_cast<T>(a / b);
  return a % b != 0 && (a < 0) != (b < 0) ? static_cast<T>(quotient - 1) : quotient;
}
template <class T>
T mod(T a, T b) {
  if (b == 0 || overflows(a, b)) return 0;
  const T remainder = static_cast<T>(a % b);
  return remainder != 0 && (remainder < 0) != (b < 0) ? static_cast<T>(remainder + b) : remainder;
}
template <class T>
T power(T a, T b) {
  if (b < 0) return a == 1 || (a == static_cast<T>(-1) && b % 2 == 0) ? T{1} : a == static_cast<T>(-1) ? a : T{0};
  T result = 1;
  for (auto n = static_cast<Unsigned<T>>(b); n != 0; n = static_cast<Unsigned<T>>(n >> 1)) {
    if (n & 1) result = multiply(result, a);
    a = multiply(a, a);
  }
  return result;
}
template <class T>
bool shift_fits(T b) {
  return b >= 0 && b < static_cast<T>(8 * sizeof(T));
}
template <class T>
T left_shift(T a, T b) {
  return shift_fits(b) ? static_cast<T>(static_cast<Unsigned<T>>(a) << b) : T{0};
}
template <class T>
T right_shift(T a, T b) {
  return shift_fits(b) ? static_cast<T>(a >> b) : static_cast<T>(a < 0 ? -1 : 0);
}

// ---- The same for double, as NumPy defines them.

double floor_divide(double a, double b) {
  if (b == 0) return a / b;
  double remainder = std::fmod(a, b), quotient = (a - remainder) / b;
  if (remainder != 0 && (b < 0) != (remainder < 0)) quotient -= 1;
  if (quotient == 0) return std::copysign(0.0, a / b);
  const double whole = std::floor(quotient);
  return quotient - whole > 0.5 ? whole + 1 : whole;
}
double mod(double a, double b) {
  const double remainder = std::fmod(a, b);
  if (remainder == 0) return std::copysign(0.0, b);
  return (b < 0) != (remainder < 0) ? remainder + b : remainder;
}
double sigmoid(double x) {
  const double e = std::exp(-std::fabs(x));
  return (x < 0 ? e : 1.0) / (1 + e);
}
double softplus(double x) { return (x < 0 ? 0.0 : x) + std::log1p(std::exp(-std::fabs(x))); }

// The normal distribution: erfc keeps its precision where 1 + erf loses it.
double normal(double x) { return 0.5 * std::erfc(-x * M_SQRT1_2); }
double gelu(double x) { return x == -std::numeric_limits<double>::infinity() ? -0.0 : x * normal(x); }
double gelu_slope(double x) {
  const double density = 0.5 * M_SQRT1_2 * M_2_SQRTPI * std::exp(-0.5 * x * x);
  return density == 0 ? normal(x) : normal(x) + x * density;
}

// A rational start (S. Winitzki, "A handy approximation for the error function and its inverse", 2008), then Newton's
// steps on erfc, which keeps its precision in the tails.
double erfinv(double x) {
  const double a = std::fabs(x);
  if (!(a < 1)) return a == 1 ? std::copysign(std::numeric_limits<double>::infinity(), x) : std::nan("");
  if (a < 1e-8) return x * 0.886226925452758014;  // √π / 2
  const double w = std::log((1 - a) * (1 + a)), t = 2 / (M_PI * 0.147) + w / 2;
  double y = std::sqrt(std::sqrt(t * t - w / 0.147) - t);
  for (int i = 0; i < 4; ++i) {
    const double error = a < 0.5 ? std::erf(y) - a : (1 - a) - std::erfc(y);
    const double step = error / (M_2_SQRTPI * std::exp(-y * y));
    y -= step / (1 + y * step);  // Halley
  }
  return std::copysign(y, x);
}

// ---- Rows from functions of one element.

template <class T, class R, class F>
UnaryRow unary(F) {
  return [](const void* x, void* y, int64_t n) {
    for (int64_t i = 0; i < n; ++i) static_cast<R*>(y)[i] = F{}(static_cast<const T*>(x)[i]);
  };
}

template <class T, class R, class F>
BinaryRow binary(F) {
  return [](const void* a, int a_step, const void* b, int b_step, void* y, int64_t n) {
    const T *p = static_cast<const T*>(a), *q = static_cast<const T*>(b);
    R* out = static_cast<R*>(y);
    if (a_step && b_step) {
      for (int64_t i = 0; i < n; ++i) out[i] = F{}(p[i], q[i]);
    } else {
      // A single value is kept: the output may lie over it.
      const T first = *p, second = *q;
      for (int64_t i = 0; i < n; ++i) out[i] = F{}(a_step ? p[i] : first, b_step ? q[i] : second);
    }
  };
}

template <class T>
void select_row(const void* c, int c_step, const void* a, int a_step, const void* b, int b_step, void* y, int64_t n) {
  const auto* condition = static_cast<const std::uint8_t*>(c);
  const T *p = static_cast<const T*>(a), *q = static_cast<const T*>(b);
  for (int64_t i = 0; i < n; ++i) static_cast<T*>(y)[i] = condition[i * c_step] ? p[i * a_step] : q[i * b_step];
}

template <class T>
struct Builder {
  Rows rows;
  template <class F>
  void one(Opcode o, F f) {
    rows.unary[static_cast<int>(o)] = unary<T, T>(f);
  }
  template <class F>
  void two(Opcode o, F f) {
    rows.binary[static_cast<int>(o)] = binary<T, T>(f);
  }
  template <class F>
  void test(Opcode o, F f) {
    rows.unary[static_cast<int>(o)] = unary<T, bool>(f);
  }
  template <class F>
  void compare(Opcode o, F f) {
    rows.binary[static_cast<int>(o)] = binary<T, bool>(f);
  }

  void common() {
    one(Opcode::identity, [](T x) { return x; });
    test(Opcode::logical_not, [](T x) { return x == T{0}; });
    two(Opcode::maximum, [](T a, T b) -> T { return a >= b || a != a ? a : b; });
    two(Opcode::minimum, [](T a, T b) -> T { return a <= b || a != a ? a : b; });
    compare(Opcode::equal, [](T a, T b) { return a == b; });
    compare(Opcode::not_equal, [](T a, T b) { return a != b; });
    compare(Opcode::less, [](T a, T b) { return a < b; });
    compare(Opcode::less_equal, [](T a, T b) { return a <= b; });
    compare(Opcode::greater, [](T a, T b) { return a > b; });
    compare(Opcode::greater_equal, [](T a, T b) { return a >= b; });
    compare(Opcode::logical_and, [](T a, T b) { return a != T{0} && b != T{0}; });
    compare(Opcode::logical_or, [](T a, T b) { return a != T{0} || b != T{0}; });
    compare(Opcode::logical_xor, [](T a, T b) { return (a != T{0}) != (b != T{0}); });
    rows.select = select_row<T>;
  }
};

Rows bool_rows() {
  Builder<bool> b;
  b.common();
  b.two(Opcode::add, [](bool a, bool c) { return a || c; });
  b.two(Opcode::multiply, [](bool a, bool c) { return a && c; });
  b.two(Opcode::bitwise_and, [](bool a, bool c) { return a && c; });
  b.two(Opcode::bitwise_or, [](bool a, bool c) { return a || c; });
  b.two(Opcode::bitwise_xor, [](bool a, bool c) { return a != c; });
  return b.rows;
}

template <class T>
Rows integer_rows() {
  Builder<T> b;
  b.common();
  b.one(Opcode::negative, [](T x) { return subtract(T{0}, x); });
  b.one(Opcode::abs, [](T x) { return x < 0 ? subtract(T{0}, x) : x; });
  b.one(Opcode::sign, [](T x) { return static_cast<T>((x > 0) - (x < 0)); });
  b.one(Opcode::square, [](T x) { return multiply(x, x); });
  b.one(Opcode::relu, [](T x) { return x < 0 ? T{0} : x; });
  for (const Opcode o : {Opcode::floor, Opcode::ceil, Opcode::round, Opcode::trunc}) b.one(o, [](T x) { return x; });
  b.test(Opcode::isnan, [](T) { return false; });
  b.test(Opcode::isinf, [](T) { return false; });
  b.test(Opcode::isfinite, [](T) { return true; });
  b.two(Opcode::add, [](T x, T y) { return add(x, y); });
  b.two(Opcode::subtract, [](T x, T y) { return subtract(x, y); });
  b.two(Opcode::multiply, [](T x, T y) { return multiply(x, y); });
  b.two(Opcode::floor_divide, [](T x, T y) { return floor_divide(x, y); });
  b.two(Opcode::mod, [](T x, T y) { return mod(x, y); });
  b.two(Opcode::power, [](T x, T y) { return power(x, y); });
  b.two(Opcode::bitwise_and, [](T x, T y) { return static_cast<T>(x & y); });
  b.two(Opcode::bitwise_or, [](T x, T y) { return static_cast<T>(x | y); });
  b.two(Opcode::bitwise_xor, [](T x, T y) { return static_cast<T>(x ^ y); });
  b.two(Opcode::left_shift, [](T x, T y) { return left_shift(x, y); });
  b.two(Opcode::right_shift, [](T x, T y) { return right_shift(x, y); });
  return b.rows;
}

Rows double_rows() {
  using T = double;
  Builder<T> b;
  b.common();
  b.one(Opcode::negative, [](T x) { return -x; });
  b.one(Opcode::abs, [](T x) { return std::fabs(x); });
  b.one(Opcode::sign, [](T x) { return x != x ? x : static_cast<T>((x > 0) - (x < 0)); });
  b.one(Opcode::square, [](T x) { return x * x; });
  b.one(Opcode::sqrt, [](T x) { return std::sqrt(x); });
  b.one(Opcode::rsqrt, [](T x) { return 1 / std::sqrt(x); });
  b.one(Opcode::reciprocal, [](T x) { return 1 / x; });
  b.one(Opcode::exp, [](T x) { return std::exp(x); });
  b.one(Opcode::expm1, [](T x) { return std::expm1(x); });
  b.one(Opcode::log, [](T x) { return std::log(x); });
  b.one(Opcode::log1p, [](T x) { return std::log1p(x); });
  b.one(Opcode::sin, [](T x) { return std::sin(x); });
  b.one(Opcode::cos, [](T x) { return std::cos(x); });
  b.one(Opcode::tan, [](T x) { return std::tan(x); });
  b.one(Opcode::arcsin, [](T x) { return std::asin(x); });
  b.one(Opcode::arccos, [](T x) { return std::acos(x); });
  b.one(Opcode::arctan, [](T x) { return std::atan(x); });
  b.one(Opcode::sinh, [](T x) { return std::sinh(x); });
  b.one(Opcode::cosh, [](T x) { return std::cosh(x); });
  b.one(Opcode::tanh, [](T x) { return std::tanh(x); });
  b.one(Opcode::arcsinh, [](T x) { return std::asinh(x); });
  b.one(Opcode::arccosh, [](T x) { return std::acosh(x); });
  b.one(Opcode::arctanh, [](T x) { return std::atanh(x); });
  b.one(Opcode::erf, [](T x) { return std::erf(x); });
  b.one(Opcode::erfinv, [](T x) { return erfinv(x); });
  b.one(Opcode::sigmoid, [](T x) { return sigmoid(x); });
  b.one(Opcode::softplus, [](T x) { return softplus(x); });
  b.one(Opcode::gelu, [](T x) { return gelu(x); });
  b.one(Opcode::gelu_slope, [](T x) { return gelu_slope(x); });
  b.one(Opcode::relu, [](T x) { return x < 0 ? T{0} : x; });
  b.one(Opcode::floor, [](T x) { return std::floor(x); });
  b.one(Opcode::ceil, [](T x) { return std::ceil(x); });
  b.one(Opcode::round, [](T x) { return std::nearbyint(x); });
  b.one(Opcode::trunc, [](T x) { return std::trunc(x); });
  b.test(Opcode::isnan, [](T x) { return x != x; });
  b.test(Opcode::isinf, [](T x) { return std::fabs(x) == std::numeric_limits<T>::infinity(); });
  b.test(Opcode::isfinite, [](T x) { return std::fabs(x) < std::numeric_limits<T>::infinity(); });
  b.two(Opcode::add, [](T x, T y) { return x + y; });
  b.two(Opcode::subtract, [](T x, T y) { return x - y; });
  b.two(Opcode::multiply, [](T x, T y) { return x * y; });
  b.two(Opcode::divide, [](T x, T y) { return x / y; });
  b.two(Opcode::floor_divide, [](T x, T y) { return floor_divide(x, y); });
  b.two(Opcode::mod, [](T x, T y) { return mod(x, y); });
  b.two(Opcode::power, [](T x, T y) { return std::pow(x, y); });
  b.two(Opcode::arctan2, [](T x, T y) { return std::atan2(x, y); });
  return b.rows;
}

// 16-bit floats are only moved about.
Rows storage_rows() {
  Rows rows;
  rows.unary[static_cast<int>(Opcode::identity)] =
      unary<std::uint16_t, std::uint16_t>([](std::uint16_t x) { return x; });
  rows.select = select_row<std::uint16_t>;
  return rows;
}

// ---- Conversions.

template <class To>
To saturate(double x) {
  if (x != x) return std::numeric_limits<To>::min();
  // The bounds as doubles: the upper one of int64 rounds up to 2^63, which is itself out of range.
  constexpr double low = static_cast<double>(std::numeric_limits<To>::min());
  constexpr double high = static_cast<double>(std::numeric_limits<To>::max());
  if (x <= low) return std::numeric_limits<To>::min();
  if (x >= high) return std::numeric_limits<To>::max();
  return static_cast<To>(x);
}

template <class From, class To>
To convert(From x) {
  if constexpr (std::is_same_v<From, To>) {
    return x;
  } else if constexpr (std::is_same_v<From, Half> || std::is_same_v<From, BrainHalf>) {
    return convert<float, To>(to_float(x));
  } else if constexpr (std::is_same_v<To, Half>) {
    if constexpr (std::is_same_v<From, float>) return to_half(x);
    return to_half(to_odd_float(static_cast<double>(x)));
  } else if constexpr (std::is_same_v<To, BrainHalf>) {
    if constexpr (std::is_same_v<From, float>) return to_brain_half(x);
    return to_brain_half(to_odd_float(static_cast<double>(x)));
  } else if constexpr (std::is_same_v<To, bool>) {
    return x != From{0};
  } else if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To>) {
    return saturate<To>(static_cast<double>(x));
  } else {
    return static_cast<To>(x);
  }
}

template <class From, class To>
void convert_row(const void* x, void* y, int64_t n) {
  for (int64_t i = 0; i < n; ++i) static_cast<To*>(y)[i] = convert<From, To>(static_cast<const From*>(x)[i]);
}

template <class From>
UnaryRow cast_from(Element to) {
  static constexpr UnaryRow rows[] = {convert_row<From, bool>,         convert_row<From, std::uint8_t>,
                                      convert_row<From, std::int32_t>, convert_row<From, std::int64_t>,
                                      convert_row<From, Half>,         convert_row<From, BrainHalf>,
                                      convert_row<From, float>,        convert_row<From, double>};
  return rows[static_cast<int>(to)];
}

struct Name {
  Opcode opcode;
  std::string_view name;
};
constexpr Name kNames[] = {
    {Opcode::identity, "identity"},
    {Opcode::negative, "negative"},
    {Opcode::abs, "abs"},
    {Opcode::sign, "sign"},
    {Opcode::square, "square"},
    {Opcode::sqrt, "sqrt"},
    {Opcode::rsqrt, "rsqrt"},
    {Opcode::reciprocal, "reciprocal"},
    {Opcode::exp, "exp"},
    {Opcode::expm1, "expm1"},
    {Opcode::log, "log"},
    {Opcode::log1p, "log1p"},
    {Opcode::sin, "sin"},
    {Opcode::cos, "cos"},
    {Opcode::tan, "tan"},
    {Opcode::arcsin, "arcsin"},
    {Opcode::arccos, "arccos"},
    {Opcode::arctan, "arctan"},
    {Opcode::sinh, "sinh"},
    {Opcode::cosh, "cosh"},
    {Opcode::tanh, "tanh"},
    {Opcode::arcsinh, "arcsinh"},
    {Opcode::arccosh, "arccosh"},
    {Opcode::arctanh, "arctanh"},
    {Opcode::erf, "erf"},
    {Opcode::erfinv, "erfinv"},
    {Opcode::sigmoid, "sigmoid"},
    {Opcode::softplus, "softplus"},
    {Opcode::relu, "relu"},
    {Opcode::floor, "floor"},
    {Opcode::ceil, "ceil"},
    {Opcode::round, "round"},
    {Opcode::trunc, "trunc"},
    {Opcode::isnan, "isnan"},
    {Opcode::isinf, "isinf"},
    {Opcode::isfinite, "isfinite"},
    {Opcode::logical_not, "logical_not"},
    {Opcode::gelu, "gelu"},
    {Opcode::gelu_slope, "gelu_slope"},
    {Opcode::add, "add"},
    {Opcode::subtract, "subtract"},
    {Opcode::multiply, "multiply"},
    {Opcode::divide, "divide"},
    {Opcode::floor_divide, "floor_divide"},
    {Opcode::mod, "mod"},
    {Opcode::power, "power"},
    {Opcode::maximum, "maximum"},
    {Opcode::minimum, "minimum"},
    {Opcode::arctan2, "arctan2"},
    {Opcode::bitwise_and, "bitwise_and"},
    {Opcode::bitwise_or, "bitwise_or"},
    {Opcode::bitwise_xor, "bitwise_xor"},
    {Opcode::left_shift, "left_shift"},
    {Opcode::right_shift, "right_shift"},
    {Opcode::equal, "equal"},
    {Opcode::not_equal, "not_equal"},
    {Opcode::less, "less"},
    {Opcode::less_equal, "less_equal"},
    {Opcode::greater, "greater"},
    {Opcode::greater_equal, "greater_equal"},
    {Opcode::logical_and, "logical_and"},
    {Opcode::logical_or, "logical_or"},
    {Opcode::logical_xor, "logical_xor"},
    {Opcode::where, "where"},
};

}  // namespace

const Rows& rows_of(Element element) {
  static const Rows booleans = bool_rows(), u8 = integer_rows<std::uint8_t>(), i32 = integer_rows<std::int32_t>(),
                    i64 = integer_rows<int64_t>(), halves = storage_rows(), f64 = double_rows();
  switch (element) {
    case Element::boolean:
      return booleans;
    case Element::uint8:
      return u8;
    case Element::int32:
      return i32;
    case Element::int64:
      return i64;
    case Element::float32:
      return kernels().elementwise.f32;
    case Element::float64:
      return f64;
    default:
      return halves;
  }
}

UnaryRow cast_row(Element from, Element to) {
  if (from == Element::float16 && to == Element::float32) return kernels().elementwise.half_to_float;
  if (from == Element::float32 && to == Element::float16) return kernels().elementwise.float_to_half;
  switch (from) {
    case Element::boolean:
      return cast_from<bool>(to);
    case Element::uint8:
      return cast_from<std::uint8_t>(to);
    case Element::int32:
      return cast_from<std::int32_t>(to);
    case Element::int64:
      return cast_from<int64_t>(to);
    case Element::float16:
      return cast_from<Half>(to);
    case Element::bfloat16:
      return cast_from<BrainHalf>(to);
    case Element::float32:
      return cast_from<float>(to);
    default:
      return cast_from<double>(to);
  }
}

std::string_view name_of(Opcode opcode) {
  for (const Name& entry : kNames)
    if (entry.opcode == opcode) return entry.name;
  return {};
}

std::optional<Opcode> find_opcode(std::string_view name) {
  for (const Name& entry : kNames)
    if (entry.name == name) return entry.opcode;
  return std::nullopt;
}

}  // namespace addax::kernels
