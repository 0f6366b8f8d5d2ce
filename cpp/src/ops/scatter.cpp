// Adding by index into zeros: scatter_add, put_along_axis_add, scatter_nd. Each is the transpose of a reading
// operation, and the other way round. Indices that repeat add up, in their order.
#include "addax/ops.h"
#include "kernels/index.h"
#include "ops/axes.h"
#include "ops/indices.h"

namespace addax::ops {
namespace {

// ---- scatter_add(indices, updates): the axes of the indices become one axis of `size`

Specs infer_scatter_add(const Infer& in) {
  in.require_indices(0);
  in.require_number(1);
  const int replaced = in.rank(0), rank = in.rank(1) - replaced + 1;
  if (rank < 1) in.error("the updates must have at least the rank of the indices");
  const int axis = in.normalize_axis("axis", rank);
  const Dims& updates = in.dims(1);
  for (int d = 0; d < replaced; ++d) {
    in.require_equal(in.dims(0)[static_cast<std::size_t>(d)],
                     updates[static_cast<std::size_t>(axis) + static_cast<std::size_t>(d)],
                     "sizes of indices and updates");
  }
  Dims dims(updates.begin(), updates.begin() + axis);
  dims.push_back(one_size(in, "size"));
  dims.insert(dims.end(), updates.begin() + axis + replaced, updates.end());
  require_rank_fits(in, dims.size());
  return {{in.dtype(1), dims}};
}

void run_scatter_add(const Run& r) {
  const int axis = r.attributes().axis("axis");
  const AxisView v = along(r.output(0).shape, axis);
  visit_indices(r, 0, [&](const auto* indices, std::int64_t count) {
    require_in_range(r, indices, count, v.size, axis);
    visit_number(r.output(0).dtype, "scatter_add", [&](auto tag) {
      using T = typename decltype(tag)::type;
      kernels::scatter_add(indices, r.in<T>(1), r.out<T>(0), v.outer, v.size, count, v.inner);
    });
  });
}

Values scatter_add_gradient(const Gradient& g) {
  return {Value(), gather(g.upstream(), g.input(0), g.attributes().axis("axis"))};
}

// ---- put_along_axis_add(indices, updates): equal shapes; the axis becomes one of `size`

Specs infer_put_along_axis_add(const Infer& in) {
  in.require_indices(0);
  in.require_number(1);
  in.require_rank_at_least(0, 1);
  in.require_rank(1, in.rank(0));
  const auto axis = static_cast<std::size_t>(in.normalize_axis("axis", in.rank(0)));
  Dims dims;
  for (std::size_t d = 0; d < in.dims(0).size(); ++d) {
    in.require_equal(in.dims(0)[d], in.dims(1)[d], "sizes of indices and updates");
    dims.push_back(known_of(in.dims(0)[d], in.dims(1)[d]));
  }
  dims[axis] = one_size(in, "size");
  return {{in.dtype(1), dims}};
}

void run_put_along_axis_add(const Run& r) {
  const int axis = r.attributes().axis("axis");
  const AxisView v = along(r.output(0).shape, axis);
  visit_indices(r, 0, [&](const auto* indices, std::int64_t count) {
    require_in_range(r, indices, count, v.size, axis);
    visit_number(r.output(0).dtype, "put_along_axis_add", [&](auto tag) {
      using T = typename decltype(tag)::type;
      kernels::put_along_axis_add(indices, r.in<T>(1), r.out<T>(0), v.outer, v.size, r.input(0).shape[axis], v.inner);
    });
  });
}

Values put_along_axis_add_gradient(const Gradient& g) {
  return {Value(), take_along_axis(g.upstream(), g.input(0), g.attributes().axis("axis"))};
}

// ---- scatter_nd(indices (…, k), values): each row of indices names a place in the first k axes of `shape`

Specs infer_scatter_nd(const Infer& in) {
  in.require_indices(0);
  in.require_number(1);
  in.require_rank_at_least(0, 1);
  const Dims &shape = in.attributes().dims("shape"), &indices = in.dims(0);
  require_rank_fits(in, shape.size());
  require_sizes(in, shape, "shape");
  const Dim& depth = indices.back();
  if (!depth.known() || depth.value() > static_cast<std::int64_t>(shape.size()))
    in.error("the indices' last size must be known and at most the rank of shape ", shape, "; received ", depth);
  Dims wanted(indices.begin(), indices.end() - 1);
  wanted.insert(wanted.end(), shape.begin() + depth.value(), shape.end());
  in.require_rank(1, static_cast<int>(wanted.size()));
  for (std::size_t d = 0; d < wanted.size(); ++d)
    in.require_equal(wanted[d], in.dims(1)[d], "sizes of the places and the values");
  return {{in.dtype(1), shape}};
}

void run_scatter_nd(const Run& r) {
  const Shape &shape = r.output(0).shape, &at = r.input(0).shape;
  const int depth = static_cast<int>(at[at.rank() - 1]);
  std::int64_t rows = 1, inner = 1;
  for (int d = 0; d < at.rank() - 1; ++d) rows *= at[d];
  for (int d = depth; d < shape.rank(); ++d) inner *= shape[d];
  visit_indices(r, 0, [&](const auto* indices, std::int64_t) {
    require_rows_in_range(r, indices, rows, depth, shape);
    visit_number(r.output(0).dtype, "scatter_nd", [&](auto tag) {
      using T = typename decltype(tag)::type;
      kernels::scatter_nd(indices, r.in<T>(1), r.out<T>(0), shape.begin(), depth, rows, inner, shape.elements());
    });
  });
}

Values scatter_nd_gradient(const Gradient& g) { return {Value(), gather_nd(g.upstream(), g.input(0))}; }

}  // namespace

std::span<const Operation> scatter_family() {
  const AttributeSpec axis = {"axis", AttributeKind::integer}, size = {"size", AttributeKind::dims};
  static const Operation table[] = {
      {.name = "scatter_add",
       .min_inputs = 2,
       .max_inputs = 2,
       .attributes = {axis, size},
       .infer = infer_scatter_add,
       .run = run_scatter_add,
       .gradient = for_training(scatter_add_gradient),
       .traits = {.may_fail = true}},
      {.name = "put_along_axis_add",
       .min_inputs = 2,
       .max_inputs = 2,
       .attributes = {axis, size},
       .infer = infer_put_along_axis_add,
       .run = run_put_along_axis_add,
       .gradient = for_training(put_along_axis_add_gradient),
       .traits = {.may_fail = true}},
      {.name = "scatter_nd",
       .min_inputs = 2,
       .max_inputs = 2,
       .attributes = {{"shape", AttributeKind::dims}},
       .infer = infer_scatter_nd,
       .run = run_scatter_nd,
       .gradient = for_training(scatter_nd_gradient),
       .traits = {.may_fail = true}},
  };
  return table;
}

}  // namespace addax::ops
