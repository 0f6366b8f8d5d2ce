// addax/ops.h: the operation table as functions.
#include <numeric>

#include "addax/ops.h"
#include "ops/operation.h"

namespace addax::ops {
namespace {

Value one(const char* name, std::initializer_list<Value> inputs, Attributes attributes = {}) {
  return apply_one(operation_named(name), inputs, std::move(attributes));
}

Value reduce(const char* name, const Value& x, const Axes& axes, KeepDims keep) {
  return one(name, {x}, {{"axes", axes}, {"keepdims", keep == KeepDims::yes}});
}

Dims one_dim(const Dim& dim) { return Dims{dim}; }

}  // namespace

Value full(const Dims& shape, double value, DType dtype) {
  return one("full", {}, {{"shape", shape}, {"value", value}, {"dtype", dtype}});
}
Value iota(const Dims& shape, int axis, DType dtype) {
  return one("iota", {}, {{"shape", shape}, {"axis", std::int64_t{axis}}, {"dtype", dtype}});
}
Value dimension(const Dim& size, DType dtype) {
  return one("dimension", {}, {{"size", one_dim(size)}, {"dtype", dtype}});
}
Value constant_like(const Value& x, double value) { return Value(Tensor::scalar(x.dtype(), value)); }
Value zeros_like(const Value& x) { return full(x.dims(), 0, x.dtype()); }
Value ones_like(const Value& x) { return full(x.dims(), 1, x.dtype()); }

Value negative(const Value& x) { return one("negative", {x}); }
Value abs(const Value& x) { return one("abs", {x}); }
Value sign(const Value& x) { return one("sign", {x}); }
Value square(const Value& x) { return one("square", {x}); }
Value sqrt(const Value& x) { return one("sqrt", {x}); }
Value rsqrt(const Value& x) { return one("rsqrt", {x}); }
Value reciprocal(const Value& x) { return one("reciprocal", {x}); }
Value exp(const Value& x) { return one("exp", {x}); }
Value log(const Value& x) { return one("log", {x}); }
Value sin(const Value& x) { return one("sin", {x}); }
Value cos(const Value& x) { return one("cos", {x}); }
Value sinh(const Value& x) { return one("sinh", {x}); }
Value cosh(const Value& x) { return one("cosh", {x}); }
Value tanh(const Value& x) { return one("tanh", {x}); }
Value sigmoid(const Value& x) { return one("sigmoid", {x}); }
Value cast(const Value& x, DType dtype) { return x.dtype() == dtype ? x : one("cast", {x}, {{"dtype", dtype}}); }
Value stop_gradient(const Value& x) { return one("stop_gradient", {x}); }
Value logical_not(const Value& x) { return one("logical_not", {x}); }

Value add(const Value& a, const Value& b) { return one("add", {a, b}); }
Value subtract(const Value& a, const Value& b) { return one("subtract", {a, b}); }
Value multiply(const Value& a, const Value& b) { return one("multiply", {a, b}); }
Value divide(const Value& a, const Value& b) { return one("divide", {a, b}); }
Value floor_divide(const Value& a, const Value& b) { return one("floor_divide", {a, b}); }
Value power(const Value& a, const Value& b) { return one("power", {a, b}); }
Value maximum(const Value& a, const Value& b) { return one("maximum", {a, b}); }
Value minimum(const Value& a, const Value& b) { return one("minimum", {a, b}); }
Value equal(const Value& a, const Value& b) { return one("equal", {a, b}); }
Value not_equal(const Value& a, const Value& b) { return one("not_equal", {a, b}); }
Value less(const Value& a, const Value& b) { return one("less", {a, b}); }
Value less_equal(const Value& a, const Value& b) { return one("less_equal", {a, b}); }
Value greater(const Value& a, const Value& b) { return one("greater", {a, b}); }
Value greater_equal(const Value& a, const Value& b) { return one("greater_equal", {a, b}); }
Value logical_and(const Value& a, const Value& b) { return one("logical_and", {a, b}); }
Value logical_or(const Value& a, const Value& b) { return one("logical_or", {a, b}); }
Value where(const Value& condition, const Value& a, const Value& b) { return one("where", {condition, a, b}); }

Value broadcast_to(const Value& x, const Dims& shape) {
  return x.dims() == shape ? x : one("broadcast_to", {x}, {{"shape", shape}});
}
Value sum_to(const Value& x, const Dims& shape) {
  return x.dims() == shape ? x : one("sum_to", {x}, {{"shape", shape}});
}

Value sum(const Value& x, const Axes& axes, KeepDims keep) { return reduce("sum", x, axes, keep); }
Value mean(const Value& x, const Axes& axes, KeepDims keep) { return reduce("mean", x, axes, keep); }
Value max(const Value& x, const Axes& axes, KeepDims keep) { return reduce("max", x, axes, keep); }
Value min(const Value& x, const Axes& axes, KeepDims keep) { return reduce("min", x, axes, keep); }
Value prod(const Value& x, const Axes& axes, KeepDims keep) { return reduce("prod", x, axes, keep); }
Axes all_axes(const Value& x) {
  Axes axes(static_cast<std::size_t>(x.rank()));
  std::iota(axes.begin(), axes.end(), 0);
  return axes;
}
Value cumsum(const Value& x, int axis, bool reverse, bool exclusive) {
  return one("cumsum", {x}, {{"axis", std::int64_t{axis}}, {"reverse", reverse}, {"exclusive", exclusive}});
}
Value cumprod(const Value& x, int axis, bool reverse, bool exclusive) {
  return one("cumprod", {x}, {{"axis", std::int64_t{axis}}, {"reverse", reverse}, {"exclusive", exclusive}});
}
Value softmax(const Value& x, int axis) { return one("softmax", {x}, {{"axis", std::int64_t{axis}}}); }
Value log_softmax(const Value& x, int axis) { return one("log_softmax", {x}, {{"axis", std::int64_t{axis}}}); }

Value reshape(const Value& x, const Dims& shape) {
  return x.dims() == shape ? x : one("reshape", {x}, {{"shape", shape}});
}
Value transpose(const Value& x, const Axes& perm) { return one("transpose", {x}, {{"perm", perm}}); }
Value expand_dims(const Value& x, int axis) {
  Dims shape = x.dims();
  shape.insert(shape.begin() + (axis < 0 ? axis + x.rank() + 1 : axis), Dim(1));
  return reshape(x, shape);
}
Value concatenate(const Values& xs, int axis) {
  return apply(operation_named("concatenate"), xs, {{"axis", std::int64_t{axis}}})[0];
}
Value slice(const Value& x, const Dims& start, const Dims& stop, const Axes& step) {
  return one("slice", {x}, {{"start", start}, {"stop", stop}, {"step", step}});
}
Value slice_update(const Value& x, const Value& update, const Dims& start, const Axes& step) {
  return one("slice_update", {x, update}, {{"start", start}, {"step", step}});
}
Value dynamic_slice(const Value& x, const Value& starts, const Dims& size) {
  return one("dynamic_slice", {x, starts}, {{"size", size}});
}
Value dynamic_slice_update(const Value& x, const Value& update, const Value& starts) {
  return one("dynamic_slice_update", {x, update, starts});
}
Value pad(const Value& x, const Dims& low, const Dims& high, const std::string& mode, double value) {
  return one("pad", {x}, {{"low", low}, {"high", high}, {"mode", mode}, {"value", value}});
}
// A slice that runs backwards along the axes: from the last element down to the one before the first.
Value flip(const Value& x, const Axes& axes) {
  Dims start(x.dims().size(), Dim(0)), stop = x.dims();
  Axes step(x.dims().size(), 1);
  for (const std::int64_t axis : axes) {
    const auto i = static_cast<std::size_t>(axis < 0 ? axis + x.rank() : axis);
    start[i] = x.dims()[i] - 1;
    stop[i] = -1;
    step[i] = -1;
  }
  return slice(x, start, stop, step);
}

Value gather(const Value& x, const Value& indices, int axis) {
  return one("gather", {x, indices}, {{"axis", std::int64_t{axis}}});
}
Value scatter_add(const Value& indices, const Value& updates, int axis, const Dim& size) {
  return one("scatter_add", {indices, updates}, {{"axis", std::int64_t{axis}}, {"size", one_dim(size)}});
}
Value take_along_axis(const Value& x, const Value& indices, int axis) {
  return one("take_along_axis", {x, indices}, {{"axis", std::int64_t{axis}}});
}
Value put_along_axis_add(const Value& indices, const Value& updates, int axis, const Dim& size) {
  return one("put_along_axis_add", {indices, updates}, {{"axis", std::int64_t{axis}}, {"size", one_dim(size)}});
}
Value gather_nd(const Value& x, const Value& indices) { return one("gather_nd", {x, indices}); }
Value scatter_nd(const Value& indices, const Value& values, const Dims& shape) {
  return one("scatter_nd", {indices, values}, {{"shape", shape}});
}
Value one_hot(const Value& indices, const Dim& depth, int axis, DType dtype) {
  return one("one_hot", {indices}, {{"depth", one_dim(depth)}, {"axis", std::int64_t{axis}}, {"dtype", dtype}});
}
Value argsort(const Value& x, int axis) { return one("argsort", {x}, {{"axis", std::int64_t{axis}}}); }

Value matmul(const Value& a, const Value& b, bool transpose_a, bool transpose_b) {
  return one("matmul", {a, b}, {{"transpose_a", transpose_a}, {"transpose_b", transpose_b}});
}

}  // namespace addax::ops
