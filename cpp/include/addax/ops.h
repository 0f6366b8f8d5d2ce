// The operations as functions. Concrete values run at once, symbolic ones are recorded; shapes and errors are those of
// the operation table (docs/operations.md). Arguments named `axes` may be negative.
#pragma once

#include <string>
#include <vector>

#include "addax/export.h"
#include "addax/value.h"

namespace addax {
namespace ADDAX_API ops {

using Axes = std::vector<std::int64_t>;

// Creation. `full` and `iota` take symbolic sizes.
Value full(const Dims& shape, double value, DType dtype);
Value iota(const Dims& shape, int axis, DType dtype);
Value dimension(const Dim& size, DType dtype);      // rank 0
Value constant_like(const Value& x, double value);  // rank-0 constant of x's dtype
Value zeros_like(const Value& x);
Value ones_like(const Value& x);

// Element-wise, one argument.
Value negative(const Value& x);
Value abs(const Value& x);
Value sign(const Value& x);
Value square(const Value& x);
Value sqrt(const Value& x);
Value rsqrt(const Value& x);
Value reciprocal(const Value& x);
Value exp(const Value& x);
Value log(const Value& x);
Value sin(const Value& x);
Value cos(const Value& x);
Value sinh(const Value& x);
Value cosh(const Value& x);
Value tanh(const Value& x);
Value sigmoid(const Value& x);
Value cast(const Value& x, DType dtype);
Value stop_gradient(const Value& x);
Value logical_not(const Value& x);

// Element-wise, two arguments, NumPy broadcasting.
Value add(const Value& a, const Value& b);
Value subtract(const Value& a, const Value& b);
Value multiply(const Value& a, const Value& b);
Value divide(const Value& a, const Value& b);
Value floor_divide(const Value& a, const Value& b);
Value power(const Value& a, const Value& b);
Value maximum(const Value& a, const Value& b);
Value minimum(const Value& a, const Value& b);
Value equal(const Value& a, const Value& b);
Value not_equal(const Value& a, const Value& b);
Value less(const Value& a, const Value& b);
Value less_equal(const Value& a, const Value& b);
Value greater(const Value& a, const Value& b);
Value greater_equal(const Value& a, const Value& b);
Value logical_and(const Value& a, const Value& b);
Value logical_or(const Value& a, const Value& b);
Value where(const Value& condition, const Value& a, const Value& b);

// Broadcasting made explicit; sum_to is its transpose: it sums the axes along which `shape` was broadcast.
Value broadcast_to(const Value& x, const Dims& shape);
Value sum_to(const Value& x, const Dims& shape);

// Reductions. Empty axes: none.
enum class KeepDims { no, yes };
Value sum(const Value& x, const Axes& axes, KeepDims keep = KeepDims::no);
Value mean(const Value& x, const Axes& axes, KeepDims keep = KeepDims::no);
Value max(const Value& x, const Axes& axes, KeepDims keep = KeepDims::no);
Value min(const Value& x, const Axes& axes, KeepDims keep = KeepDims::no);
Value prod(const Value& x, const Axes& axes, KeepDims keep = KeepDims::no);
Axes all_axes(const Value& x);
Value cumsum(const Value& x, int axis, bool reverse = false, bool exclusive = false);
Value cumprod(const Value& x, int axis, bool reverse = false, bool exclusive = false);
Value softmax(const Value& x, int axis);
Value log_softmax(const Value& x, int axis);

// Shape.
Value reshape(const Value& x, const Dims& shape);
Value transpose(const Value& x, const Axes& perm);
Value expand_dims(const Value& x, int axis);
Value concatenate(const Values& xs, int axis);
Value slice(const Value& x, const Dims& start, const Dims& stop, const Axes& step);
Value slice_update(const Value& x, const Value& update, const Dims& start, const Axes& step);
Value dynamic_slice(const Value& x, const Value& starts, const Dims& size);
Value dynamic_slice_update(const Value& x, const Value& update, const Value& starts);
Value pad(const Value& x, const Dims& low, const Dims& high, const std::string& mode = "constant", double value = 0);
Value flip(const Value& x, const Axes& axes);

// Indexing.
Value gather(const Value& x, const Value& indices, int axis);
Value scatter_add(const Value& indices, const Value& updates, int axis, const Dim& size);
Value take_along_axis(const Value& x, const Value& indices, int axis);
Value put_along_axis_add(const Value& indices, const Value& updates, int axis, const Dim& size);
Value gather_nd(const Value& x, const Value& indices);
Value scatter_nd(const Value& indices, const Value& values, const Dims& shape);
Value one_hot(const Value& indices, const Dim& depth, int axis, DType dtype);
Value argsort(const Value& x, int axis);

// Products. Batch dimensions broadcast.
Value matmul(const Value& a, const Value& b, bool transpose_a = false, bool transpose_b = false);

}  // namespace ops

inline Value operator-(const Value& x) { return ops::negative(x); }
inline Value operator+(const Value& a, const Value& b) { return ops::add(a, b); }
inline Value operator-(const Value& a, const Value& b) { return ops::subtract(a, b); }
inline Value operator*(const Value& a, const Value& b) { return ops::multiply(a, b); }
inline Value operator/(const Value& a, const Value& b) { return ops::divide(a, b); }
// With a number: a constant of the value's dtype.
inline Value operator+(const Value& a, double b) { return ops::add(a, ops::constant_like(a, b)); }
inline Value operator-(const Value& a, double b) { return ops::subtract(a, ops::constant_like(a, b)); }
inline Value operator*(const Value& a, double b) { return ops::multiply(a, ops::constant_like(a, b)); }
inline Value operator/(const Value& a, double b) { return ops::divide(a, ops::constant_like(a, b)); }
inline Value operator+(double a, const Value& b) { return ops::add(ops::constant_like(b, a), b); }
inline Value operator-(double a, const Value& b) { return ops::subtract(ops::constant_like(b, a), b); }
inline Value operator*(double a, const Value& b) { return ops::multiply(ops::constant_like(b, a), b); }
inline Value operator/(double a, const Value& b) { return ops::divide(ops::constant_like(b, a), b); }

}  // namespace addax
