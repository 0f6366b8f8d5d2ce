// sort, argsort and top_k. NaN is greater than every number: last in a sort, first among the largest. argsort is
// stable; top_k takes equal elements in the order of their indices.
#include "kernels/sort.h"

#include <limits>

#include "addax/ops.h"
#include "ops/axes.h"

namespace addax::ops {
namespace {

void require_sortable(const Infer& in) {
  if (in.dtype(0) != DType::boolean) in.require_number(0);
  in.require_rank_at_least(0, 1);
}

void require_int32_indices(const Infer& in, const Dim& size) {
  if (size.known() && size.value() > std::numeric_limits<std::int32_t>::max())
    in.error("an axis of ", size, " is too long for int32 indices");
}

// bool is sorted as the bytes 0 and 1.
template <class F>
void visit_sortable(const Run& r, const F& f) {
  const DType dtype = r.input(0).dtype;
  visit_number(dtype == DType::boolean ? DType::uint8 : dtype, r.operation().name, f);
}

Specs infer_sort(const Infer& in) {
  require_sortable(in);
  in.normalize_axis("axis", in.rank(0));
  return {in[0]};
}

void run_sort(const Run& r) {
  const AxisView v = along(r.input(0).shape, r.attributes().axis("axis"));
  visit_sortable(r, [&](auto tag) {
    using T = typename decltype(tag)::type;
    kernels::sort(r.in<T>(0), r.out<T>(0), v.outer, v.size, v.inner);
  });
}

Values sort_gradient(const Gradient& g) {
  const int axis = g.attributes().axis("axis");
  return {put_along_axis_add(argsort(g.input(0), axis), g.upstream(), axis, g.input(0).dim(axis))};
}

Specs infer_argsort(const Infer& in) {
  require_sortable(in);
  const int axis = in.normalize_axis("axis", in.rank(0));
  require_int32_indices(in, in.dims(0)[static_cast<std::size_t>(axis)]);
  return {{DType::int32, in.dims(0)}};
}

void run_argsort(const Run& r) {
  const AxisView v = along(r.input(0).shape, r.attributes().axis("axis"));
  visit_sortable(r, [&](auto tag) {
    using T = typename decltype(tag)::type;
    kernels::argsort(r.in<T>(0), r.out<std::int32_t>(0), v.outer, v.size, v.inner);
  });
}

Specs infer_top_k(const Infer& in) {
  require_sortable(in);
  const std::int64_t k = in.attributes().integer("k");
  const Dim& size = in.dims(0).back();
  require_int32_indices(in, size);
  if (k < 0 || (size.known() && k > size.value()))
    in.error("k must be in [0, ", size, "], the length of the last axis; received ", k);
  Dims dims = in.dims(0);
  dims.back() = k;
  return {{in.dtype(0), dims}, {DType::int32, dims}};
}

void run_top_k(const Run& r) {
  const Shape& shape = r.input(0).shape;
  const std::int64_t k = r.attributes().integer("k");
  const AxisView v = along(shape, shape.rank() - 1);
  visit_sortable(r, [&](auto tag) {
    using T = typename decltype(tag)::type;
    kernels::top_k(r.in<T>(0), r.out<T>(0), r.out<std::int32_t>(1), v.outer, v.size, k);
  });
}

Values top_k_gradient(const Gradient& g) {
  return {put_along_axis_add(g.output(1), g.upstream(0), -1, g.input(0).dims().back())};
}

}  // namespace

std::span<const Operation> sort_family() {
  const std::vector<AttributeSpec> axis = {{"axis", AttributeKind::integer, Attribute(std::int64_t{-1})}};
  static const Operation table[] = {
      {.name = "sort",
       .min_inputs = 1,
       .max_inputs = 1,
       .attributes = axis,
       .infer = infer_sort,
       .run = run_sort,
       .gradient = for_training(sort_gradient)},
      {.name = "argsort",
       .min_inputs = 1,
       .max_inputs = 1,
       .attributes = axis,
       .infer = infer_argsort,
       .run = run_argsort,
       .no_gradient = "the result is indices"},
      {.name = "top_k",
       .min_inputs = 1,
       .max_inputs = 1,
       .attributes = {{"k", AttributeKind::integer}},
       .infer = infer_top_k,
       .run = run_top_k,
       .gradient = for_training(top_k_gradient)},
  };
  return table;
}

}  // namespace addax::ops
