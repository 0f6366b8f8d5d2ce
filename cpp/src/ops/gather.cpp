// Reading by index: gather, take_along_axis, gather_nd; and one_hot. Negative indices count from the end, as in NumPy;
// one outside is an error that names it. Indices have no gradient.
#include "addax/ops.h"
#include "kernels/index.h"
#include "ops/axes.h"
#include "ops/indices.h"

namespace addax::ops {
namespace {

// ---- gather(x, indices): x's axis is replaced by the axes of the indices. With the attribute `nonnegative` an index
// below zero is out of range: an embedding's id -1 is a mistake, not the last row.

Specs infer_gather(const Infer& in) {
  in.require_indices(1);
  in.require_rank_at_least(0, 1);
  const int axis = in.normalize_axis("axis", in.rank(0));
  Dims dims(in.dims(0).begin(), in.dims(0).begin() + axis);
  dims.insert(dims.end(), in.dims(1).begin(), in.dims(1).end());
  dims.insert(dims.end(), in.dims(0).begin() + axis + 1, in.dims(0).end());
  require_rank_fits(in, dims.size());
  return {{in.dtype(0), dims}};
}

void run_gather(const Run& r) {
  const int axis = r.attributes().axis("axis");
  const AxisView v = along(r.input(0).shape, axis);
  const std::int64_t row_bytes = v.inner * size_of(r.input(0).dtype);
  const bool from_end = !r.attributes().flag("nonnegative");
  visit_indices(r, 1, [&](const auto* indices, std::int64_t count) {
    require_in_range(r, indices, count, v.size, axis, from_end);
    kernels::gather(r.input(0).data, indices, r.output(0).data, v.outer, v.size, count, row_bytes);
  });
}

Values gather_gradient(const Gradient& g) {
  const int axis = g.attributes().axis("axis");
  return {scatter_add(g.input(1), g.upstream(), axis, g.input(0).dim(axis)), Value()};
}

// ---- take_along_axis(x, indices): equal shapes but for the axis

Specs infer_take_along_axis(const Infer& in) {
  in.require_indices(1);
  in.require_rank_at_least(0, 1);
  in.require_rank(1, in.rank(0));
  const auto axis = static_cast<std::size_t>(in.normalize_axis("axis", in.rank(0)));
  Dims dims;
  for (std::size_t d = 0; d < in.dims(0).size(); ++d) {
    if (d != axis) in.require_equal(in.dims(0)[d], in.dims(1)[d], "sizes off the axis");
    dims.push_back(d == axis ? in.dims(1)[d] : known_of(in.dims(0)[d], in.dims(1)[d]));
  }
  return {{in.dtype(0), dims}};
}

void run_take_along_axis(const Run& r) {
  const int axis = r.attributes().axis("axis");
  const AxisView v = along(r.input(0).shape, axis);
  visit_indices(r, 1, [&](const auto* indices, std::int64_t count) {
    require_in_range(r, indices, count, v.size, axis);
    kernels::take_along_axis(r.input(0).data, indices, r.output(0).data, static_cast<int>(size_of(r.input(0).dtype)),
                             v.outer, v.size, r.input(1).shape[axis], v.inner);
  });
}

Values take_along_axis_gradient(const Gradient& g) {
  const int axis = g.attributes().axis("axis");
  return {put_along_axis_add(g.input(1), g.upstream(), axis, g.input(0).dim(axis)), Value()};
}

// ---- gather_nd(x, indices (…, k)): each row of indices names a place in x's first k axes

Specs infer_gather_nd(const Infer& in) {
  in.require_indices(1);
  in.require_rank_at_least(1, 1);
  const Dim& depth = in.dims(1).back();
  if (!depth.known() || depth.value() > in.rank(0))
    in.error("the indices' last size must be known and at most the rank of the values; received ", depth);
  Dims dims(in.dims(1).begin(), in.dims(1).end() - 1);
  dims.insert(dims.end(), in.dims(0).begin() + depth.value(), in.dims(0).end());
  require_rank_fits(in, dims.size());
  return {{in.dtype(0), dims}};
}

void run_gather_nd(const Run& r) {
  const Shape &x = r.input(0).shape, &at = r.input(1).shape;
  const int depth = static_cast<int>(at[at.rank() - 1]);
  std::int64_t row_bytes = size_of(r.input(0).dtype);
  for (int d = depth; d < x.rank(); ++d) row_bytes *= x[d];
  std::int64_t rows = 1;
  for (int d = 0; d < at.rank() - 1; ++d) rows *= at[d];
  visit_indices(r, 1, [&](const auto* indices, std::int64_t) {
    require_rows_in_range(r, indices, rows, depth, x);
    kernels::gather_nd(r.input(0).data, indices, r.output(0).data, x.begin(), depth, rows, row_bytes);
  });
}

Values gather_nd_gradient(const Gradient& g) {
  return {scatter_nd(g.input(1), g.upstream(), g.input(0).dims()), Value()};
}

// ---- one_hot: an index outside [0, depth) gives zeros

Specs infer_one_hot(const Infer& in) {
  in.require_indices(0);
  const Dim& depth = one_size(in, "depth");
  const int axis = in.normalize_axis("axis", in.rank(0) + 1);
  const DType dtype = in.attributes().dtype("dtype");
  if (is_half(dtype)) in.type_error("dtype must not be ", dtype, ": cast the result of float32");
  Dims dims = in.dims(0);
  dims.insert(dims.begin() + axis, depth);
  require_rank_fits(in, dims.size());
  return {{dtype, dims}};
}

void run_one_hot(const Run& r) {
  const AxisView v = along(r.output(0).shape, r.attributes().axis("axis"));
  visit_indices(r, 0, [&](const auto* indices, std::int64_t) {
    if (r.output(0).dtype == DType::boolean) return kernels::one_hot(indices, r.out<bool>(0), v.outer, v.size, v.inner);
    visit_number(r.output(0).dtype, "one_hot", [&](auto tag) {
      using T = typename decltype(tag)::type;
      kernels::one_hot(indices, r.out<T>(0), v.outer, v.size, v.inner);
    });
  });
}

}  // namespace

std::span<const Operation> gather_family() {
  static const Operation table[] = {
      {.name = "gather",
       .min_inputs = 2,
       .max_inputs = 2,
       .attributes = {{"axis", AttributeKind::integer, Attribute(std::int64_t{0})},
                      {"nonnegative", AttributeKind::flag, Attribute(false)}},
       .infer = infer_gather,
       .run = run_gather,
       .gradient = for_training(gather_gradient),
       .traits = {.may_fail = true, .halves = Halves::moved}},
      {.name = "take_along_axis",
       .min_inputs = 2,
       .max_inputs = 2,
       .attributes = {{"axis", AttributeKind::integer}},
       .infer = infer_take_along_axis,
       .run = run_take_along_axis,
       .gradient = for_training(take_along_axis_gradient),
       .traits = {.may_fail = true, .halves = Halves::moved}},
      {.name = "gather_nd",
       .min_inputs = 2,
       .max_inputs = 2,
       .infer = infer_gather_nd,
       .run = run_gather_nd,
       .gradient = for_training(gather_nd_gradient),
       .traits = {.may_fail = true, .halves = Halves::moved}},
      {.name = "one_hot",
       .min_inputs = 1,
       .max_inputs = 1,
       .attributes = {{"depth", AttributeKind::dims},
                      {"axis", AttributeKind::integer, Attribute(std::int64_t{-1})},
                      {"dtype", AttributeKind::dtype, Attribute(DType::float32)}},
       .infer = infer_one_hot,
       .run = run_one_hot,
       .no_gradient = "the input holds indices"},
  };
  return table;
}

}  // namespace addax::ops
