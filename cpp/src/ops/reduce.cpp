// Reductions over a set of axes: sum, mean, max, min, prod, any, all, logsumexp; and argmax, argmin along one axis.
#include <algorithm>
#include <cstring>
#include <limits>

#include "addax/ops.h"
#include "kernels/kernels.h"
#include "ops/axes.h"

namespace addax::ops {
namespace {

using kernels::ReduceLayout;

Dims reduced_dims(const Dims& dims, const Axes& axes, bool keepdims) {
  Dims out;
  for (std::size_t d = 0; d < dims.size(); ++d) {
    const bool reduced = std::find(axes.begin(), axes.end(), static_cast<std::int64_t>(d)) != axes.end();
    if (!reduced) out.push_back(dims[d]);
    if (reduced && keepdims) out.emplace_back(1);
  }
  return out;
}

Specs reduced(const Infer& in, DType dtype) {
  const Axes axes = in.normalize_axes("axes", in.rank(0));
  return {{dtype, reduced_dims(in.dims(0), axes, in.attributes().flag("keepdims"))}};
}

Specs infer_number(const Infer& in) {
  in.require_number(0);
  return reduced(in, in.dtype(0));
}

Specs infer_floating(const Infer& in) {
  in.require_floating(0);
  return reduced(in, in.dtype(0));
}

Specs infer_bool(const Infer& in) {
  in.require_dtype(0, DType::boolean);
  return reduced(in, DType::boolean);
}

// Nothing is the largest of no elements.
Specs infer_extremum(const Infer& in) {
  Specs out = infer_number(in);
  for (const std::int64_t axis : in.attributes().integers("axes")) {
    if (in.dims(0)[static_cast<std::size_t>(axis)] == 0) in.error("axis ", axis, " is empty and has no ", in.name());
  }
  return out;
}

ReduceLayout layout_of(const Run& r) {
  const Shape& shape = r.input(0).shape;
  bool is_reduced[kMaxRank] = {};
  for (const std::int64_t axis : r.attributes().integers("axes")) is_reduced[axis] = true;
  return kernels::make_reduce_layout(shape.begin(), is_reduced, shape.rank());
}

template <class F>
void run_number(const Run& r, const F& f) {
  visit_number(r.input(0).dtype, r.operation().name, [&](auto tag) {
    using T = typename decltype(tag)::type;
    f(kernels::kernels().reduce.of<T>(), r.in<T>(0), r.out<T>(0), layout_of(r));
  });
}

void run_sum(const Run& r) {
  run_number(r, [](const auto& k, const auto* x, auto* y, const ReduceLayout& l) { k.sum(x, y, l, 1); });
}

void run_mean(const Run& r) {
  run_number(r, [](const auto& k, const auto* x, auto* y, const ReduceLayout& l) {
    k.sum(x, y, l, static_cast<double>(l.reduced_size));
  });
}

void run_prod(const Run& r) {
  run_number(r, [](const auto& k, const auto* x, auto* y, const ReduceLayout& l) { k.prod(x, y, l); });
}

void run_max(const Run& r) {
  run_number(r, [](const auto& k, const auto* x, auto* y, const ReduceLayout& l) { k.max(x, y, l); });
}

void run_min(const Run& r) {
  run_number(r, [](const auto& k, const auto* x, auto* y, const ReduceLayout& l) { k.min(x, y, l); });
}

// A bool is a byte of 0 or 1.
void run_any(const Run& r) {
  kernels::kernels().reduce.u8.max(r.in<std::uint8_t>(0), r.out<std::uint8_t>(0), layout_of(r));
}

void run_all(const Run& r) {
  const ReduceLayout layout = layout_of(r);
  if (layout.reduced_size == 0) {
    std::fill_n(r.out<bool>(0), layout.outputs, true);
  } else {
    kernels::kernels().reduce.u8.min(r.in<std::uint8_t>(0), r.out<std::uint8_t>(0), layout);
  }
}

// ---- Gradients

// A reduced value (the result or its gradient) with the reduced axes back as axes of size 1.
Value with_axes(const Gradient& g, const Value& reduced) {
  return reshape(reduced, reduced_dims(g.input(0).dims(), g.attributes().integers("axes"), true));
}

Value spread(const Gradient& g) { return broadcast_to(with_axes(g, g.upstream()), g.input(0).dims()); }

Values sum_gradient(const Gradient& g) { return {spread(g)}; }

Dim reduced_count(const Gradient& g) {
  Dim count = 1;
  for (const std::int64_t axis : g.attributes().integers("axes"))
    count = count * g.input(0).dim(static_cast<int>(axis));
  return count;
}

Values mean_gradient(const Gradient& g) {
  const Value dy = with_axes(g, g.upstream());
  return {broadcast_to(dy / dimension(reduced_count(g), dy.dtype()), g.input(0).dims())};
}

// Elements that share the extremum share its gradient equally, as in TensorFlow and JAX.
Values extremum_gradient(const Gradient& g) {
  const Value& x = g.input(0);
  const Value chosen = cast(equal(x, with_axes(g, g.output(0))), x.dtype());
  const Value ties = sum(chosen, g.attributes().integers("axes"), KeepDims::yes);
  return {chosen * (with_axes(g, g.upstream()) / ties)};
}

// dy_i = Π_{j<i} x_j · Π_{j>i} x_j: no division, so zeros are right. Several axes are brought to the end and made one.
Values prod_gradient(const Gradient& g) {
  const Value& x = g.input(0);
  const Axes& axes = g.attributes().integers("axes");
  Axes perm;
  for (int d = 0; d < x.rank(); ++d) {
    if (std::find(axes.begin(), axes.end(), d) == axes.end()) perm.push_back(d);
  }
  const auto kept = static_cast<std::ptrdiff_t>(perm.size());
  perm.insert(perm.end(), axes.begin(), axes.end());
  Axes back(perm.size());
  for (std::size_t i = 0; i < perm.size(); ++i) back[static_cast<std::size_t>(perm[i])] = static_cast<std::int64_t>(i);

  const Value turned = transpose(x, perm);
  Dims lined(turned.dims().begin(), turned.dims().begin() + kept);
  lined.push_back(reduced_count(g));
  const Value line = reshape(turned, lined);
  const int last = static_cast<int>(kept);
  const Value others = cumprod(line, last, false, true) * cumprod(line, last, true, true);
  return {transpose(reshape(others, turned.dims()), back) * spread(g)};
}

// ---- logsumexp

// One group of adjacent axes after the other, the last first: logsumexp of logsumexps is that of all.
template <class T>
void logsumexp_groups(const Run& r, const ReduceLayout& l) {
  const auto run = kernels::kernels().softmax.of<T>().logsumexp;
  const T* x = r.in<T>(0);
  std::int64_t elements = r.input(0).elements();
  T* spare[2] = {static_cast<T*>(r.workspace()), nullptr};
  for (int g = l.reduced_count - 1; g >= 0; --g) {
    const std::int64_t size = l.reduced[g].size;
    // Later groups are gone already, so the stride counts only what is kept after this one.
    std::int64_t inner = l.reduced[g].stride;
    for (int later = g + 1; later < l.reduced_count; ++later) inner /= l.reduced[later].size;
    const std::int64_t outer = elements / (size * inner);
    T* y = g == 0 ? r.out<T>(0) : spare[0];
    run(x, y, outer, size, inner);
    elements = outer * inner;
    if (spare[1] == nullptr) spare[1] = spare[0] + elements;
    std::swap(spare[0], spare[1]);
    x = y;
  }
}

void run_logsumexp(const Run& r) {
  const ReduceLayout layout = layout_of(r);
  visit_floating(r.input(0).dtype, "logsumexp", [&](auto tag) {
    using T = typename decltype(tag)::type;
    if (layout.reduced_size == 0) {
      std::fill_n(r.out<T>(0), layout.outputs, -std::numeric_limits<T>::infinity());
    } else if (layout.reduced_count == 0) {
      std::memcpy(r.out<T>(0), r.in<T>(0), static_cast<std::size_t>(r.input(0).bytes()));
    } else if (layout.outputs > 0) {
      logsumexp_groups<T>(r, layout);
    }
  });
}

// Two intermediate results, the first being the larger.
std::int64_t logsumexp_workspace(const Run& r) {
  const ReduceLayout layout = layout_of(r);
  if (layout.reduced_count < 2 || layout.reduced_size == 0) return 0;
  return 2 * r.input(0).bytes() / layout.reduced[layout.reduced_count - 1].size;
}

Values logsumexp_gradient(const Gradient& g) {
  return {exp(g.input(0) - with_axes(g, g.output(0))) * with_axes(g, g.upstream())};
}

// ---- argmax, argmin

Specs infer_arg(const Infer& in) {
  if (in.dtype(0) != DType::boolean) in.require_number(0);
  in.require_rank_at_least(0, 1);
  const int axis = in.normalize_axis("axis", in.rank(0));
  const Dim& size = in.dims(0)[static_cast<std::size_t>(axis)];
  if (size == 0) in.error("axis ", axis, " is empty and has no ", in.name());
  if (size.known() && size.value() > std::numeric_limits<std::int32_t>::max())
    in.error("axis ", axis, " is too long for int32 indices");
  return {{DType::int32, reduced_dims(in.dims(0), {axis}, in.attributes().flag("keepdims"))}};
}

template <bool largest>
void run_arg(const Run& r) {
  const DType dtype = r.input(0).dtype == DType::boolean ? DType::uint8 : r.input(0).dtype;
  const AxisView v = along(r.input(0).shape, r.attributes().axis("axis"));
  visit_number(dtype, r.operation().name, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const auto& k = kernels::kernels().reduce.of<T>();
    (largest ? k.argmax : k.argmin)(r.in<T>(0), r.out<std::int32_t>(0), v.outer, v.size, v.inner);
  });
}

}  // namespace

std::span<const Operation> reduce_family() {
  const std::vector<AttributeSpec> axes = {{"axes", AttributeKind::integers},
                                           {"keepdims", AttributeKind::flag, Attribute(false)}};
  const std::vector<AttributeSpec> axis = {{"axis", AttributeKind::integer},
                                           {"keepdims", AttributeKind::flag, Attribute(false)}};
  const char* const discrete = "the result is a truth value or an index";
  static const Operation table[] = {
      {.name = "sum",
       .min_inputs = 1,
       .max_inputs = 1,
       .attributes = axes,
       .infer = infer_number,
       .run = run_sum,
       .gradient = for_training(sum_gradient)},
      {.name = "mean",
       .min_inputs = 1,
       .max_inputs = 1,
       .attributes = axes,
       .infer = infer_floating,
       .run = run_mean,
       .gradient = for_training(mean_gradient)},
      {.name = "max",
       .min_inputs = 1,
       .max_inputs = 1,
       .attributes = axes,
       .infer = infer_extremum,
       .run = run_max,
       .gradient = for_training(extremum_gradient)},
      {.name = "min",
       .min_inputs = 1,
       .max_inputs = 1,
       .attributes = axes,
       .infer = infer_extremum,
       .run = run_min,
       .gradient = for_training(extremum_gradient)},
      {.name = "prod",
       .min_inputs = 1,
       .max_inputs = 1,
       .attributes = axes,
       .infer = infer_number,
       .run = run_prod,
       .gradient = for_training(prod_gradient)},
      {.name = "any",
       .min_inputs = 1,
       .max_inputs = 1,
       .attributes = axes,
       .infer = infer_bool,
       .run = run_any,
       .no_gradient = discrete},
      {.name = "all",
       .min_inputs = 1,
       .max_inputs = 1,
       .attributes = axes,
       .infer = infer_bool,
       .run = run_all,
       .no_gradient = discrete},
      {.name = "logsumexp",
       .min_inputs = 1,
       .max_inputs = 1,
       .attributes = axes,
       .infer = infer_floating,
       .run = run_logsumexp,
       .workspace = logsumexp_workspace,
       .gradient = for_training(logsumexp_gradient)},
      {.name = "argmax",
       .min_inputs = 1,
       .max_inputs = 1,
       .attributes = axis,
       .infer = infer_arg,
       .run = run_arg<true>,
       .no_gradient = discrete},
      {.name = "argmin",
       .min_inputs = 1,
       .max_inputs = 1,
       .attributes = axis,
       .infer = infer_arg,
       .run = run_arg<false>,
       .no_gradient = discrete},
  };
  return table;
}

}  // namespace addax::ops
