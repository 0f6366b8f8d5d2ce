// Softmax and the cross-entropies that are fused with it (or with the sigmoid), all computed from logits and never
// overflowing.
#include "kernels/softmax.h"

#include "addax/ops.h"
#include "kernels/kernels.h"
#include "ops/axes.h"
#include "ops/indices.h"

namespace addax::ops {
namespace {

Specs infer_along_axis(const Infer& in) {
  in.require_floating(0);
  in.require_rank_at_least(0, 1);
  in.normalize_axis("axis", in.rank(0));
  return {in[0]};
}

void run_softmax(const Run& r) {
  const AxisView v = along(r.input(0).shape, r.attributes().axis("axis"));
  visit_floating(r.input(0).dtype, "softmax", [&](auto tag) {
    using T = typename decltype(tag)::type;
    kernels::kernels().softmax.of<T>().softmax(r.in<T>(0), r.out<T>(0), v.outer, v.size, v.inner);
  });
}

void run_log_softmax(const Run& r) {
  const AxisView v = along(r.input(0).shape, r.attributes().axis("axis"));
  visit_floating(r.input(0).dtype, "log_softmax", [&](auto tag) {
    using T = typename decltype(tag)::type;
    kernels::kernels().softmax.of<T>().log_softmax(r.in<T>(0), r.out<T>(0), v.outer, v.size, v.inner);
  });
}

// dL/dx = y · (dL/dy − Σ dL/dy · y), the sum along the same axis.
Values softmax_gradient(const Gradient& g) {
  const Value &y = g.output(0), dy = g.upstream();
  return {y * (dy - sum(dy * y, {g.attributes().axis("axis")}, KeepDims::yes))};
}

// dL/dx = dL/dy − exp(y) · Σ dL/dy.
Values log_softmax_gradient(const Gradient& g) {
  const Value dy = g.upstream();
  return {dy - exp(g.output(0)) * sum(dy, {g.attributes().axis("axis")}, KeepDims::yes)};
}

// ---- Cross-entropies along the last axis

Specs infer_sparse(const Infer& in) {
  in.require_floating(0);
  in.require_indices(1);
  in.require_rank_at_least(0, 1);
  in.require_rank(1, in.rank(0) - 1);
  if (in.dims(0).back() == 0) in.error("there are no classes");
  Dims dims;
  for (std::size_t d = 0; d < in.dims(1).size(); ++d) {
    in.require_equal(in.dims(0)[d], in.dims(1)[d], "sizes of logits and labels");
    dims.push_back(known_of(in.dims(0)[d], in.dims(1)[d]));
  }
  return {{in.dtype(0), dims}};
}

template <class Label>
void require_labels(const Run& r, std::int64_t classes) {
  const Label* labels = r.in<Label>(1);
  const std::int64_t bad = kernels::first_out_of_range(labels, r.input(1).elements(), std::int64_t{0}, classes);
  if (bad < 0) return;
  fail(ErrorKind::value, r.operation().name, ": label ", name_of_index(labels[bad]), " (number ", bad, " of ",
       r.input(1).elements(), ") is not in [0, ", classes, "): the logits of shape ", r.input(0).shape, " have ",
       classes, " classes");
}

void run_sparse(const Run& r) {
  const std::int64_t classes = r.input(0).shape[r.input(0).shape.rank() - 1], rows = r.input(1).elements();
  visit_floating(r.input(0).dtype, r.operation().name, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const auto& k = kernels::kernels().softmax.of<T>();
    if (r.input(1).dtype == DType::int32) {
      require_labels<std::int32_t>(r, classes);
      k.sparse_cross_entropy_i32(r.in<T>(0), r.in<std::int32_t>(1), r.out<T>(0), rows, classes);
    } else {
      require_labels<std::int64_t>(r, classes);
      k.sparse_cross_entropy_i64(r.in<T>(0), r.in<std::int64_t>(1), r.out<T>(0), rows, classes);
    }
  });
}

// dL/dlogits = (softmax − one_hot) · dL/dy.
Values sparse_gradient(const Gradient& g) {
  const Value &logits = g.input(0), &labels = g.input(1);
  if (!g.wanted(0)) return {Value(), Value()};
  const Value hot = one_hot(labels, logits.dims().back(), -1, logits.dtype());
  return {(softmax(logits, -1) - hot) * expand_dims(g.upstream(), -1), Value()};
}

Dims common_dims(const Infer& in, std::string_view what) {
  in.require_rank(1, in.rank(0));
  Dims dims;
  for (std::size_t d = 0; d < in.dims(0).size(); ++d) {
    in.require_equal(in.dims(0)[d], in.dims(1)[d], what);
    dims.push_back(known_of(in.dims(0)[d], in.dims(1)[d]));
  }
  return dims;
}

Specs infer_dense(const Infer& in) {
  in.require_floating(0);
  in.require_same_dtypes();
  in.require_rank_at_least(0, 1);
  Dims dims = common_dims(in, "sizes of logits and targets");
  dims.pop_back();
  return {{in.dtype(0), dims}};
}

void run_dense(const Run& r) {
  visit_floating(r.input(0).dtype, r.operation().name, [&](auto tag) {
    using T = typename decltype(tag)::type;
    kernels::kernels().softmax.of<T>().cross_entropy(r.in<T>(0), r.in<T>(1), r.out<T>(0), r.output(0).elements(),
                                                     r.input(0).shape[r.input(0).shape.rank() - 1]);
  });
}

// y = Σ t (lse(x) − x): dL/dx = (softmax(x) Σt − t) · dL/dy, dL/dt = −log_softmax(x) · dL/dy.
Values dense_gradient(const Gradient& g) {
  const Value &x = g.input(0), &t = g.input(1), dy = expand_dims(g.upstream(), -1);
  Values out(2);
  if (g.wanted(0)) out[0] = (softmax(x, -1) * sum(t, {-1}, KeepDims::yes) - t) * dy;
  if (g.wanted(1)) out[1] = negative(log_softmax(x, -1)) * dy;
  return out;
}

Specs infer_sigmoid(const Infer& in) {
  in.require_floating(0);
  in.require_same_dtypes();
  return {{in.dtype(0), common_dims(in, "sizes of logits and targets")}};
}

void run_sigmoid(const Run& r) {
  visit_floating(r.input(0).dtype, r.operation().name, [&](auto tag) {
    using T = typename decltype(tag)::type;
    kernels::kernels().softmax.of<T>().sigmoid_cross_entropy(r.in<T>(0), r.in<T>(1), r.out<T>(0),
                                                             r.output(0).elements());
  });
}

// y = max(x, 0) − x t + log(1 + exp(−|x|)): dL/dx = (sigmoid(x) − t) · dL/dy, dL/dt = −x · dL/dy.
Values sigmoid_gradient(const Gradient& g) {
  const Value &x = g.input(0), &t = g.input(1), dy = g.upstream();
  Values out(2);
  if (g.wanted(0)) out[0] = (sigmoid(x) - t) * dy;
  if (g.wanted(1)) out[1] = negative(x) * dy;
  return out;
}

}  // namespace

std::span<const Operation> softmax_family() {
  const std::vector<AttributeSpec> axis = {{"axis", AttributeKind::integer, Attribute(std::int64_t{-1})}};
  static const Operation table[] = {
      {.name = "softmax",
       .min_inputs = 1,
       .max_inputs = 1,
       .attributes = axis,
       .infer = infer_along_axis,
       .run = run_softmax,
       .gradient = for_training(softmax_gradient),
       .traits = {.in_place = true}},
      {.name = "log_softmax",
       .min_inputs = 1,
       .max_inputs = 1,
       .attributes = axis,
       .infer = infer_along_axis,
       .run = run_log_softmax,
       .gradient = for_training(log_softmax_gradient),
       .traits = {.in_place = true}},
      {.name = "sparse_softmax_cross_entropy",
       .min_inputs = 2,
       .max_inputs = 2,
       .infer = infer_sparse,
       .run = run_sparse,
       .gradient = for_training(sparse_gradient),
       .traits = {.may_fail = true}},
      {.name = "softmax_cross_entropy",
       .min_inputs = 2,
       .max_inputs = 2,
       .infer = infer_dense,
       .run = run_dense,
       .gradient = for_training(dense_gradient)},
      {.name = "sigmoid_cross_entropy",
       .min_inputs = 2,
       .max_inputs = 2,
       .infer = infer_sigmoid,
       .run = run_sigmoid,
       .gradient = for_training(sigmoid_gradient),
       .traits = {.in_place = true}},
  };
  return table;
}

}  // namespace addax::ops
