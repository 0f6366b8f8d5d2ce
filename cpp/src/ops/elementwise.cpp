// Element-wise operations: one argument, two arguments with NumPy's broadcasting, and `where`.
#include "kernels/elementwise.h"

#include <algorithm>
#include <cmath>

#include "addax/ops.h"
#include "kernels/broadcast.h"
#include "ops/operation.h"

namespace addax::ops {
namespace {

using kernels::Element;
using kernels::Opcode;

static_assert(static_cast<int>(Element::float64) == static_cast<int>(DType::float64) &&
              static_cast<int>(Element::float16) == static_cast<int>(DType::float16));

// ---- Shape rules

// `apply` widens them: only a program read from a file comes here with 16-bit floats.
void require_no_half(const Infer& in, int i) {
  if (is_half(in.dtype(i))) in.type_error("input ", i, " must not be a 16-bit float");
}

Specs infer_same(const Infer& in) { return {in[0]}; }

Specs infer_number(const Infer& in) {
  in.require_number(0);
  return {in[0]};
}

Specs infer_floating(const Infer& in) {
  in.require_floating(0);
  return {in[0]};
}

Specs infer_number_test(const Infer& in) {
  in.require_number(0);
  return {{DType::boolean, in.dims(0)}};
}

Specs infer_logical_not(const Infer& in) {
  require_no_half(in, 0);
  return {{DType::boolean, in.dims(0)}};
}

Specs infer_cast(const Infer& in) { return {{in.attributes().dtype("dtype"), in.dims(0)}}; }

Specs broadcast_pair(const Infer& in, DType result) {
  in.require_same_dtypes();
  return {{result, broadcast(in.dims(0), in.dims(1), in.name())}};
}

Specs infer_numbers(const Infer& in) {
  in.require_number(0);
  return broadcast_pair(in, in.dtype(0));
}

// Sum and product of bools are "or" and "and", as in NumPy.
Specs infer_numbers_or_bools(const Infer& in) {
  require_no_half(in, 0);
  return broadcast_pair(in, in.dtype(0));
}

Specs infer_floats(const Infer& in) {
  in.require_floating(0);
  return broadcast_pair(in, in.dtype(0));
}

Specs infer_integers_or_bools(const Infer& in) {
  if (!is_integer(in.dtype(0)) && in.dtype(0) != DType::boolean) in.type_error("inputs must be integers or bools");
  return broadcast_pair(in, in.dtype(0));
}

Specs infer_integers(const Infer& in) {
  if (!is_integer(in.dtype(0))) in.type_error("inputs must be integers");
  return broadcast_pair(in, in.dtype(0));
}

Specs infer_compare(const Infer& in) {
  require_no_half(in, 0);
  return broadcast_pair(in, DType::boolean);
}

Specs infer_logical(const Infer& in) {
  in.require_dtype(0, DType::boolean);
  return broadcast_pair(in, DType::boolean);
}

Specs infer_where(const Infer& in) {
  in.require_dtype(0, DType::boolean);
  if (in.dtype(1) != in.dtype(2))
    in.type_error("the two choices must have one dtype; received ", in.dtype(1), " and ", in.dtype(2));
  return {{in.dtype(1), broadcast(in.dims(0), broadcast(in.dims(1), in.dims(2), in.name()), in.name())}};
}

// ---- Kernels

Element element_of(const Buffer& b) { return static_cast<Element>(b.dtype); }

kernels::BroadcastLayout layout_of(const Run& r) {
  kernels::OperandShape shapes[3];
  for (int i = 0; i < r.input_count(); ++i) shapes[i] = {r.input(i).shape.begin(), r.input(i).shape.rank()};
  return kernels::make_broadcast_layout(r.output(0).shape.begin(), r.output(0).shape.rank(), shapes, r.input_count());
}

void unary(const Run& r, Opcode opcode) {
  const Buffer &x = r.input(0), &y = r.output(0);
  const kernels::UnaryRow row = kernels::rows_of(element_of(x)).unary[static_cast<int>(opcode)];
  kernels::run_unary(row, x.data, element_of(x), y.data, element_of(y), x.elements(), kernels::grain_of(opcode));
}

void binary(const Run& r, Opcode opcode) {
  const Buffer &a = r.input(0), &b = r.input(1), &y = r.output(0);
  const kernels::BinaryRow row = kernels::rows_of(element_of(a)).binary[static_cast<int>(opcode)];
  kernels::run_binary(row, layout_of(r), a.data, b.data, element_of(a), y.data, element_of(y),
                      kernels::grain_of(opcode));
}

template <Opcode opcode>
void run_one(const Run& r) {
  unary(r, opcode);
}

template <Opcode opcode>
void run_two(const Run& r) {
  binary(r, opcode);
}

void run_where(const Run& r) {
  const Element type = element_of(r.input(1));
  kernels::run_select(kernels::rows_of(type).select, layout_of(r), r.input(0).data, r.input(1).data, r.input(2).data,
                      type, r.output(0).data);
}

void run_cast(const Run& r) {
  const Buffer &x = r.input(0), &y = r.output(0);
  kernels::run_unary(kernels::cast_row(element_of(x), element_of(y)), x.data, element_of(x), y.data, element_of(y),
                     x.elements(), kernels::grain_of(Opcode::identity));
}

// ---- Gradient rules of one argument: dL/dx from x, y and dL/dy

template <Value (*rule)(const Value& x, const Value& y, const Value& dy)>
Values gradient_one(const Gradient& g) {
  return {rule(g.input(0), g.output(0), g.upstream())};
}

using V = const Value&;

Value d_identity(V, V, V dy) { return dy; }
Value d_negative(V, V, V dy) { return -dy; }
Value d_abs(V x, V, V dy) { return dy * sign(x); }  // 0 at 0, as TensorFlow
Value d_square(V x, V, V dy) { return dy * (x * 2.0); }
Value d_sqrt(V, V y, V dy) { return dy / (y * 2.0); }
Value d_rsqrt(V, V y, V dy) { return dy * (square(y) * y * -0.5); }
Value d_reciprocal(V, V y, V dy) { return -(dy * square(y)); }
Value d_exp(V, V y, V dy) { return dy * y; }
Value d_expm1(V, V y, V dy) { return dy * (y + 1.0); }
Value d_log(V x, V, V dy) { return dy / x; }
Value d_log1p(V x, V, V dy) { return dy / (x + 1.0); }
Value d_sin(V x, V, V dy) { return dy * cos(x); }
Value d_cos(V x, V, V dy) { return -(dy * sin(x)); }
Value d_tan(V, V y, V dy) { return dy * (square(y) + 1.0); }
Value d_arcsin(V x, V, V dy) { return dy * rsqrt(1.0 - square(x)); }
Value d_arccos(V x, V, V dy) { return -(dy * rsqrt(1.0 - square(x))); }
Value d_arctan(V x, V, V dy) { return dy / (square(x) + 1.0); }
Value d_sinh(V x, V, V dy) { return dy * cosh(x); }
Value d_cosh(V x, V, V dy) { return dy * sinh(x); }
Value d_tanh(V, V y, V dy) { return dy * (1.0 - square(y)); }
Value d_arcsinh(V x, V, V dy) { return dy * rsqrt(square(x) + 1.0); }
Value d_arccosh(V x, V, V dy) { return dy * rsqrt((x - 1.0) * (x + 1.0)); }
Value d_arctanh(V x, V, V dy) { return dy / (1.0 - square(x)); }
Value d_erf(V x, V, V dy) { return dy * (exp(-square(x)) * M_2_SQRTPI); }
Value d_erfinv(V, V y, V dy) { return dy * (exp(square(y)) * (1 / M_2_SQRTPI)); }
// With the normal density φ: (x Φ)' = Φ + x φ, (Φ + x φ)' = (2 − x²) φ.
Value d_gelu(V x, V, V dy) { return dy * apply_one(operation_named("gelu_slope"), {x}); }
Value d_gelu_slope(V x, V, V dy) {
  const Value squared = square(x);
  return dy * ((2.0 - squared) * exp(squared * -0.5) * (0.5 * M_SQRT1_2 * M_2_SQRTPI));
}
Value d_sigmoid(V, V y, V dy) { return dy * (y * (1.0 - y)); }
Value d_softplus(V x, V, V dy) { return dy * sigmoid(x); }
// Where the output is positive: 0 at 0, as TensorFlow. A choice, not a product, so that an infinite upstream gives no
// NaN.
Value d_relu(V, V y, V dy) { return where(greater(y, constant_like(y, 0)), dy, constant_like(dy, 0)); }

// Between floats the gradient is converted back; integers carry none.
Values cast_gradient(const Gradient& g) {
  const DType from = g.input(0).dtype(), to = g.output(0).dtype();
  if (!is_floating(from) || !is_floating(to)) return {Value()};
  return {cast(g.upstream(), from)};
}

// ---- Gradient rules of two arguments. What was broadcast is summed again.

Value like(const Value& gradient, const Value& input) {
  return gradient.dims() == input.dims() ? gradient : sum_to(gradient, input.dims());
}

// First or second: the gradients before summation.
template <Value (*first)(V a, V b, V y, V dy), Value (*second)(V a, V b, V y, V dy)>
Values gradient_two(const Gradient& g) {
  const Value &a = g.input(0), &b = g.input(1), &y = g.output(0), dy = g.upstream();
  Values out(2);
  if (g.wanted(0)) out[0] = like(first(a, b, y, dy), a);
  if (g.wanted(1)) out[1] = like(second(a, b, y, dy), b);
  return out;
}

Value keep(V, V, V, V dy) { return dy; }
Value negate(V, V, V, V dy) { return -dy; }
Value times_a(V a, V, V, V dy) { return dy * a; }
Value times_b(V, V b, V, V dy) { return dy * b; }
Value divide_a(V, V b, V, V dy) { return dy / b; }
Value divide_b(V, V b, V y, V dy) { return -(dy * y / b); }
// a mod b = a − b ⌊a / b⌋.
Value mod_b(V a, V b, V, V dy) { return -(dy * floor_divide(a, b)); }
Value power_a(V a, V b, V, V dy) { return dy * (b * power(a, b - 1.0)); }
// y log a; 0 where a ≤ 0, as TensorFlow.
Value power_b(V a, V, V y, V dy) {
  const Value zero = constant_like(a, 0), positive = greater(a, zero);
  return dy * (y * where(positive, log(where(positive, a, constant_like(a, 1))), zero));
}
// Of equals the first argument takes the gradient, as TensorFlow.
Value maximum_a(V a, V b, V, V dy) { return where(greater_equal(a, b), dy, constant_like(dy, 0)); }
Value maximum_b(V a, V b, V, V dy) { return where(greater_equal(a, b), constant_like(dy, 0), dy); }
Value minimum_a(V a, V b, V, V dy) { return where(less_equal(a, b), dy, constant_like(dy, 0)); }
Value minimum_b(V a, V b, V, V dy) { return where(less_equal(a, b), constant_like(dy, 0), dy); }
Value arctan2_a(V a, V b, V, V dy) { return dy * (b / (square(a) + square(b))); }
Value arctan2_b(V a, V b, V, V dy) { return -(dy * (a / (square(a) + square(b)))); }

Values where_gradient(const Gradient& g) {
  const Value &condition = g.input(0), dy = g.upstream(), zero = constant_like(dy, 0);
  Values out(3);
  if (g.wanted(1)) out[1] = like(where(condition, dy, zero), g.input(1));
  if (g.wanted(2)) out[2] = like(where(condition, zero, dy), g.input(2));
  return out;
}

// ---- The table

constexpr Traits kTraits = {.elementwise = true, .in_place = true};
constexpr Traits kMoves = {.elementwise = true, .in_place = true, .halves = Halves::moved};
constexpr const char* kSteps = "it is constant between its steps";
constexpr const char* kTruth = "its result is a truth value";
constexpr const char* kWhole = "it computes with integers";

using InferRule = Specs (*)(const Infer&);
using GradientRule = Values (*)(const Gradient&);

// The names outlive the table: they are literals in the kernels' list of opcodes.
template <Opcode opcode>
Operation one(InferRule infer, GradientRule gradient, const char* reason = nullptr) {
  return {.name = kernels::name_of(opcode).data(),
          .min_inputs = 1,
          .max_inputs = 1,
          .infer = infer,
          .run = run_one<opcode>,
          .gradient = for_training(gradient),
          .no_gradient = reason,
          .traits = kTraits};
}

template <Opcode opcode>
Operation two(InferRule infer, GradientRule gradient, const char* reason = nullptr) {
  return {.name = kernels::name_of(opcode).data(),
          .min_inputs = 2,
          .max_inputs = 2,
          .infer = infer,
          .run = run_two<opcode>,
          .gradient = for_training(gradient),
          .no_gradient = reason,
          .traits = kTraits};
}

template <Opcode opcode, Value (*rule)(V, V, V)>
Operation floating() {
  return one<opcode>(infer_floating, gradient_one<rule>);
}
template <Opcode opcode, Value (*rule)(V, V, V)>
Operation number() {
  return one<opcode>(infer_number, gradient_one<rule>);
}
template <Opcode opcode>
Operation steps() {
  return one<opcode>(infer_number, nullptr, kSteps);
}
template <Opcode opcode>
Operation compare() {
  return two<opcode>(infer_compare, nullptr, kTruth);
}

Operation identity_operation() {
  Operation o = one<Opcode::identity>(infer_same, gradient_one<d_identity>);
  o.traits = kMoves;
  return o;
}

Operation stop_gradient_operation() {
  Operation o = one<Opcode::identity>(infer_same, nullptr, "it is there to stop gradients");
  o.name = "stop_gradient";
  o.traits = kMoves;
  return o;
}

std::vector<Operation> make_table() {
  return {
      identity_operation(),
      stop_gradient_operation(),
      number<Opcode::negative, d_negative>(),
      number<Opcode::abs, d_abs>(),
      steps<Opcode::sign>(),
      number<Opcode::square, d_square>(),
      floating<Opcode::sqrt, d_sqrt>(),
      floating<Opcode::rsqrt, d_rsqrt>(),
      floating<Opcode::reciprocal, d_reciprocal>(),
      floating<Opcode::exp, d_exp>(),
      floating<Opcode::expm1, d_expm1>(),
      floating<Opcode::log, d_log>(),
      floating<Opcode::log1p, d_log1p>(),
      floating<Opcode::sin, d_sin>(),
      floating<Opcode::cos, d_cos>(),
      floating<Opcode::tan, d_tan>(),
      floating<Opcode::arcsin, d_arcsin>(),
      floating<Opcode::arccos, d_arccos>(),
      floating<Opcode::arctan, d_arctan>(),
      floating<Opcode::sinh, d_sinh>(),
      floating<Opcode::cosh, d_cosh>(),
      floating<Opcode::tanh, d_tanh>(),
      floating<Opcode::arcsinh, d_arcsinh>(),
      floating<Opcode::arccosh, d_arccosh>(),
      floating<Opcode::arctanh, d_arctanh>(),
      floating<Opcode::erf, d_erf>(),
      floating<Opcode::erfinv, d_erfinv>(),
      floating<Opcode::sigmoid, d_sigmoid>(),
      floating<Opcode::softplus, d_softplus>(),
      floating<Opcode::gelu, d_gelu>(),
      floating<Opcode::gelu_slope, d_gelu_slope>(),
      number<Opcode::relu, d_relu>(),
      steps<Opcode::floor>(),
      steps<Opcode::ceil>(),
      steps<Opcode::round>(),
      steps<Opcode::trunc>(),
      one<Opcode::isnan>(infer_number_test, nullptr, kTruth),
      one<Opcode::isinf>(infer_number_test, nullptr, kTruth),
      one<Opcode::isfinite>(infer_number_test, nullptr, kTruth),
      one<Opcode::logical_not>(infer_logical_not, nullptr, kTruth),
      {.name = "cast",
       .min_inputs = 1,
       .max_inputs = 1,
       // Made by `apply` between a 16-bit float and the float32 that it is computed in: a program may keep float32.
       .attributes = {{"dtype", AttributeKind::dtype}, {"implied", AttributeKind::flag, Attribute(false)}},
       .infer = infer_cast,
       .run = run_cast,
       .gradient = for_training(cast_gradient),
       .traits = kMoves},
      two<Opcode::add>(infer_numbers_or_bools, gradient_two<keep, keep>),
      two<Opcode::subtract>(infer_numbers, gradient_two<keep, negate>),
      two<Opcode::multiply>(infer_numbers_or_bools, gradient_two<times_b, times_a>),
      two<Opcode::divide>(infer_floats, gradient_two<divide_a, divide_b>),
      two<Opcode::floor_divide>(infer_numbers, nullptr, kSteps),
      two<Opcode::mod>(infer_numbers, gradient_two<keep, mod_b>),
      two<Opcode::power>(infer_numbers, gradient_two<power_a, power_b>),
      two<Opcode::maximum>(infer_numbers_or_bools, gradient_two<maximum_a, maximum_b>),
      two<Opcode::minimum>(infer_numbers_or_bools, gradient_two<minimum_a, minimum_b>),
      two<Opcode::arctan2>(infer_floats, gradient_two<arctan2_a, arctan2_b>),
      two<Opcode::bitwise_and>(infer_integers_or_bools, nullptr, kWhole),
      two<Opcode::bitwise_or>(infer_integers_or_bools, nullptr, kWhole),
      two<Opcode::bitwise_xor>(infer_integers_or_bools, nullptr, kWhole),
      two<Opcode::left_shift>(infer_integers, nullptr, kWhole),
      two<Opcode::right_shift>(infer_integers, nullptr, kWhole),
      compare<Opcode::equal>(),
      compare<Opcode::not_equal>(),
      compare<Opcode::less>(),
      compare<Opcode::less_equal>(),
      compare<Opcode::greater>(),
      compare<Opcode::greater_equal>(),
      two<Opcode::logical_and>(infer_logical, nullptr, kTruth),
      two<Opcode::logical_or>(infer_logical, nullptr, kTruth),
      two<Opcode::logical_xor>(infer_logical, nullptr, kTruth),
      {.name = "where",
       .min_inputs = 3,
       .max_inputs = 3,
       .infer = infer_where,
       .run = run_where,
       .gradient = for_training(where_gradient),
       .traits = kMoves},
  };
}

}  // namespace

std::span<const Operation> elementwise_family() {
  static const std::vector<Operation> table = make_table();
  return table;
}

}  // namespace addax::ops
