// Running sums and products along an axis, and the linear recurrence that the product's gradient is.
#include "addax/ops.h"
#include "kernels/scan.h"
#include "ops/axes.h"

namespace addax::ops {
namespace {

Specs infer_scan(const Infer& in) {
  in.require_number(0);
  in.require_rank_at_least(0, 1);
  in.normalize_axis("axis", in.rank(0));
  return {in[0]};
}

kernels::ScanLayout layout_of(const Run& r) {
  const Attributes& a = r.attributes();
  const AxisView v = along(r.input(0).shape, a.axis("axis"));
  return {v.outer, v.size, v.inner, a.flag("reverse"), a.has("exclusive") && a.flag("exclusive")};
}

void run_cumsum(const Run& r) {
  visit_number(r.input(0).dtype, "cumsum", [&](auto tag) {
    using T = typename decltype(tag)::type;
    kernels::cumsum(r.in<T>(0), r.out<T>(0), layout_of(r));
  });
}

void run_cumprod(const Run& r) {
  visit_number(r.input(0).dtype, "cumprod", [&](auto tag) {
    using T = typename decltype(tag)::type;
    kernels::cumprod(r.in<T>(0), r.out<T>(0), layout_of(r));
  });
}

Specs infer_recurrence(const Infer& in) {
  in.require_floating(0);
  in.require_same_dtypes();
  in.require_rank_at_least(0, 1);
  in.require_rank(1, in.rank(0));
  in.normalize_axis("axis", in.rank(0));
  Dims dims;
  for (std::size_t d = 0; d < in.dims(0).size(); ++d) {
    in.require_equal(in.dims(0)[d], in.dims(1)[d], "sizes of decay and x");
    dims.push_back(known_of(in.dims(0)[d], in.dims(1)[d]));
  }
  return {{in.dtype(0), dims}};
}

void run_recurrence(const Run& r) {
  visit_floating(r.input(0).dtype, "linear_recurrence", [&](auto tag) {
    using T = typename decltype(tag)::type;
    kernels::linear_recurrence(r.in<T>(0), r.in<T>(1), r.out<T>(0), layout_of(r));
  });
}

Value linear_recurrence(const Value& decay, const Value& x, int axis, bool reverse) {
  return apply_one(operation_named("linear_recurrence"), {decay, x},
                   {{"axis", std::int64_t{axis}}, {"reverse", reverse}});
}

// x moved one place along the axis, a zero coming in: y_i = x_{i-1}, or x_{i+1} for `back`.
Value shifted(const Value& x, int axis, bool back) {
  const auto a = static_cast<std::size_t>(axis);
  Dims low(x.dims().size(), Dim(0)), high = low, start = low, stop = x.dims();
  (back ? high : low)[a] = 1;
  if (back) {
    start[a] = 1;
    stop[a] = stop[a] + 1;
  }
  return slice(pad(x, low, high), start, stop, Axes(x.dims().size(), 1));
}

Values cumsum_gradient(const Gradient& g) {
  const Attributes& a = g.attributes();
  return {cumsum(g.upstream(), a.axis("axis"), !a.flag("reverse"), a.flag("exclusive"))};
}

// dL/dx_i = Σ_{j≥i} dy_j Π_{k≤j, k≠i} x_k = Π_{k<i} x_k · s_i with s_i = dy_i + x_{i+1} s_{i+1}: no division, so zeros
// are right. The exclusive product leaves out dy_i and takes dy_{i+1} in its place; the reversed one mirrors all
// indices.
Values cumprod_gradient(const Gradient& g) {
  const Attributes& a = g.attributes();
  const int axis = a.axis("axis");
  const bool reverse = a.flag("reverse");
  const Value& x = g.input(0);
  const Value dy = a.flag("exclusive") ? shifted(g.upstream(), axis, !reverse) : g.upstream();
  const Value decay = reverse ? shifted(x, axis, false) : x;
  return {cumprod(x, axis, reverse, true) * linear_recurrence(decay, dy, axis, !reverse)};
}

// The recurrence the other way is the transpose; decay_i meets the neighbour's result on its way into y_i (or out of
// it, reversed).
Values recurrence_gradient(const Gradient& g) {
  const int axis = g.attributes().axis("axis");
  const bool reverse = g.attributes().flag("reverse");
  const Value& y = g.output(0);
  const Value dx = linear_recurrence(g.input(0), g.upstream(), axis, !reverse);
  return {reverse ? shifted(dx, axis, false) * y : dx * shifted(y, axis, false), dx};
}

}  // namespace

std::span<const Operation> cumulative_family() {
  const Attribute no(false);
  const std::vector<AttributeSpec> attributes = {
      {"axis", AttributeKind::integer}, {"reverse", AttributeKind::flag, no}, {"exclusive", AttributeKind::flag, no}};
  static const Operation table[] = {
      {.name = "cumsum",
       .min_inputs = 1,
       .max_inputs = 1,
       .attributes = attributes,
       .infer = infer_scan,
       .run = run_cumsum,
       .gradient = for_training(cumsum_gradient)},
      {.name = "cumprod",
       .min_inputs = 1,
       .max_inputs = 1,
       .attributes = attributes,
       .infer = infer_scan,
       .run = run_cumprod,
       .gradient = for_training(cumprod_gradient)},
      {.name = "linear_recurrence",  // (decay, x) → y_i = x_i + decay_i · y_{i-1}; reversed y_i = x_i + decay_{i+1} ·
                                     // y_{i+1}
       .min_inputs = 2,
       .max_inputs = 2,
       .attributes = {{"axis", AttributeKind::integer}, {"reverse", AttributeKind::flag, no}},
       .infer = infer_recurrence,
       .run = run_recurrence,
       .gradient = for_training(recurrence_gradient)},
  };
  return table;
}

}  // namespace addax::ops
