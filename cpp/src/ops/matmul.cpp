// Matrix products over the last two axes; leading axes are batches and broadcast as in NumPy.
#include "kernels/matmul.h"

#include <algorithm>
#include <memory>
#include <type_traits>

#include "addax/ops.h"
#include "kernels/kernels.h"
#include "ops/activations.h"
#include "ops/axes.h"
#include "ops/tail.h"

namespace addax::ops {
namespace {

using kernels::Matmul;

Dims batch_of(const Dims& dims) { return Dims(dims.begin(), dims.end() - 2); }

// The columns of a second operand that `matmul_pack` made; 0 if it is a matrix.
std::int64_t packed_columns(const Attributes& attributes) {
  return attributes.has("packed_columns") ? attributes.integer("packed_columns") : 0;
}

std::int64_t packed_size(DType dtype, std::int64_t k, std::int64_t n) {
  if (dtype == DType::bfloat16) return kernels::kernels().matmul_bf16.packed_size(k, n);
  const kernels::MatmulKernels& matmul = kernels::kernels().matmul;
  return dtype == DType::float64 ? matmul.f64.packed_size(k, n) : matmul.f32.packed_size(k, n);
}

// The types that have kernels.
void require_product(const Infer& in) {
  if (in.dtype(0) != DType::bfloat16) in.require_floating(0);
}

// Of the first two inputs; an epilogue has more.
Specs infer_product(const Infer& in) {
  require_product(in);
  if (in.count() == 2) in.require_same_dtypes();
  in.require_dtype(1, in.dtype(0));
  in.require_rank_at_least(0, 2);
  in.require_rank_at_least(1, 2);
  const Dims &a = in.dims(0), &b = in.dims(1);
  const bool ta = in.attributes().flag("transpose_a"), tb = in.attributes().flag("transpose_b");
  const std::size_t na = a.size(), nb = b.size();
  in.require_equal(ta ? a[na - 2] : a[na - 1], tb ? b[nb - 1] : b[nb - 2], "inner sizes of the product");
  Dims out = broadcast(batch_of(a), batch_of(b), in.name());
  out.push_back(ta ? a[na - 1] : a[na - 2]);
  out.push_back(tb ? b[nb - 2] : b[nb - 1]);
  require_rank_fits(in, out.size());
  return {{in.dtype(0), out}};
}

// A times weights in the kernel's panels: the layout follows from the sizes, so those must be known.
Specs infer_packed(const Infer& in, std::int64_t columns) {
  require_product(in);
  in.require_rank_at_least(0, 2);
  in.require_rank(1, 1);
  in.require_dtype(1, in.dtype(0));
  const Dim& k = in.dims(0).back();
  if (in.attributes().flag("transpose_a") || in.attributes().flag("transpose_b"))
    in.error("packed operands are not transposed");
  if (columns < 0 || !k.known() || !(in.dims(1)[0] == packed_size(in.dtype(0), k.value(), columns)))
    in.error("the second operand is not packed for ", columns, " columns");
  Dims out = in.dims(0);
  out.back() = Dim(columns);
  return {{in.dtype(0), out}};
}

Specs infer_pack(const Infer& in) {
  require_product(in);
  in.require_rank(0, 2);
  const Shape b = to_shape(in.dims(0));
  const bool transposed = in.attributes().flag("transpose_b");
  return {{in.dtype(0), {Dim(packed_size(in.dtype(0), b[transposed ? 1 : 0], b[transposed ? 0 : 1]))}}};
}

Specs infer_with_epilogue(const Infer& in) {
  const std::int64_t columns = packed_columns(in.attributes());
  require_product(in);
  return infer_epilogue(in, (columns != 0 ? infer_packed(in, columns) : infer_product(in))[0]);
}

// The job but for its pointers: sizes, strides and flags.
template <class T>
Matmul<T> shape_of(const Run& r) {
  const Shape &a = r.input(0).shape, &b = r.input(1).shape, &c = r.output(0).shape;
  Matmul<T> job{};
  job.transpose_a = r.attributes().flag("transpose_a");
  job.transpose_b = r.attributes().flag("transpose_b");
  job.m = c[c.rank() - 2];
  job.n = c[c.rank() - 1];
  job.k = job.transpose_a ? a[a.rank() - 2] : a[a.rank() - 1];
  job.batch_rank = c.rank() - 2;
  std::int64_t a_stride = job.m * job.k, b_stride = job.k * job.n, b_items = 1;
  for (int d = job.batch_rank - 1; d >= 0; --d) {
    const int in_a = d - (c.rank() - a.rank()), in_b = d - (c.rank() - b.rank());
    job.batch[d] = c[d];
    if (in_a >= 0) {
      job.a_strides[d] = a[in_a] == 1 ? 0 : a_stride;
      a_stride *= a[in_a];
    }
    if (in_b >= 0) {
      job.b_strides[d] = b[in_b] == 1 ? 0 : b_stride;
      b_stride *= b[in_b];
      b_items *= b[in_b];
    }
  }
  if (packed_columns(r.attributes()) != 0) {
    job.packed_b = true;
    b_items = 1;
    std::fill_n(job.b_strides, job.batch_rank, 0);
  }
  // One matrix B for all of A's batch: the rows of all items are the rows of one product.
  if (b_items == 1 && !job.transpose_a && a.elements() == c.elements() / std::max<std::int64_t>(job.n, 1) * job.k) {
    for (int d = 0; d < job.batch_rank; ++d) job.m *= job.batch[d];
    job.batch_rank = 0;
  }
  return job;
}

// What a planned step keeps, so that a run need not look attributes up: a tiny product takes less time than that.
template <class T>
struct Prepared {
  Matmul<T> job;  // without pointers
  int own_inputs = 2;
  PreparedTail tail;
};

template <class T>
Matmul<T> job_of(const Run& r) {
  Matmul<T> job = r.prepared<Prepared<T>>().job;
  job.a = r.in<T>(0);
  job.b = r.in<T>(1);
  job.c = r.out<T>(0);
  job.workspace = r.workspace();
  return job;
}

template <class F>
auto visit_product(const Run& r, const F& f) {
  if (r.input(0).dtype == DType::bfloat16) return f(std::type_identity<kernels::BrainHalf>{});
  return visit_floating(r.input(0).dtype, r.operation().name,
                        [&](auto tag) { return f(std::type_identity<typename decltype(tag)::type>{}); });
}

std::shared_ptr<void> prepare_product(const Run& r) {
  return visit_product(r, [&](auto tag) -> std::shared_ptr<void> {
    using T = typename decltype(tag)::type;
    auto prepared = std::make_shared<Prepared<T>>();
    prepared->job = shape_of<T>(r);
    return prepared;
  });
}

// bfloat16 stays bfloat16: float32 sums, rounded once.
void run_product(const Run& r) {
  visit_product(r, [&](auto tag) {
    using T = typename decltype(tag)::type;
    if constexpr (std::is_same_v<T, kernels::BrainHalf>) {
      kernels::kernels().matmul_bf16.run(job_of<T>(r), {});
    } else {
      kernels::kernels().matmul.of<T>().run(job_of<T>(r));
    }
  });
}

std::shared_ptr<void> prepare_epilogue(const Run& r) {
  return visit_product(r, [&](auto tag) -> std::shared_ptr<void> {
    using T = typename decltype(tag)::type;
    auto prepared = std::make_shared<Prepared<T>>();
    prepared->job = shape_of<T>(r);
    prepared->job.activation = activation_of(r);
    prepared->own_inputs = epilogue_inputs(r.attributes());
    prepared->tail = prepare_tail(r, prepared->own_inputs);
    return prepared;
  });
}

void run_epilogue(const Run& r) {
  visit_product(r, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const Prepared<T>& prepared = r.prepared<Prepared<T>>();
    Matmul<T> job = job_of<T>(r);
    if constexpr (std::is_same_v<T, kernels::BrainHalf>) {
      const float* bias = prepared.own_inputs == 3 ? r.in<float>(2) : nullptr;
      return kernels::kernels().matmul_bf16.run(job, {bias, job.activation});
    } else if (prepared.own_inputs == 3) {
      job.bias = r.in<T>(2);
    }
    if constexpr (std::is_same_v<T, float>) {
      const TailCall call(r, prepared.tail, prepared.own_inputs);
      job.c = call.result();
      job.tail = call.tail();
      kernels::kernels().matmul.f32.run(job);
    } else if constexpr (std::is_same_v<T, double>) {
      kernels::kernels().matmul.f64.run(job);
    }
  });
}

// 2 · m · n · k for every item of the batch.
std::int64_t product_flops(const Run& r) {
  const Shape& a = r.input(0).shape;
  return 2 * r.output(0).elements() * (r.attributes().flag("transpose_a") ? a[a.rank() - 2] : a[a.rank() - 1]);
}

void run_pack(const Run& r) {
  visit_product(r, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const Shape& b = r.input(0).shape;
    const bool transposed = r.attributes().flag("transpose_b");
    const std::int64_t k = b[transposed ? 1 : 0], n = b[transposed ? 0 : 1];
    if constexpr (std::is_same_v<T, kernels::BrainHalf>) {
      kernels::kernels().matmul_bf16.pack(r.in<T>(0), b[1], transposed, k, n, r.out<T>(0));
    } else {
      kernels::kernels().matmul.of<T>().pack(r.in<T>(0), b[1], transposed, k, n, r.out<T>(0));
    }
  });
}

std::int64_t product_workspace(const Run& r) {
  return visit_product(r, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const Matmul<T> job = shape_of<T>(r);
    if constexpr (std::is_same_v<T, kernels::BrainHalf>) {
      return kernels::kernels().matmul_bf16.workspace(job);
    } else {
      return kernels::kernels().matmul.of<T>().workspace(job);
    }
  });
}

// A and dC with all their leading axes made rows.
Value as_rows(const Value& x) {
  const Dims leading(x.dims().begin(), x.dims().end() - 1);
  return reshape(x, {product(leading), x.dims().back()});
}

// For C = A·B: dA = dC·Bᵀ, dB = Aᵀ·dC; the flags of the other cases follow by transposing. Broadcast batches are
// summed.
Values product_gradient(const Gradient& g) {
  const Value &a = g.input(0), &b = g.input(1), dc = g.upstream();
  const bool ta = g.attributes().flag("transpose_a"), tb = g.attributes().flag("transpose_b");
  Value da, db;
  if (g.wanted(0)) da = sum_to(ta ? matmul(b, dc, tb, true) : matmul(dc, b, false, !tb), a.dims());
  if (g.wanted(1)) {
    if (b.rank() == 2 && a.rank() > 2 && !ta) {
      // One product over all rows instead of one per batch item and a sum.
      const Value rows = as_rows(a), drows = as_rows(dc);
      db = tb ? matmul(drows, rows, true, false) : matmul(rows, drows, true, false);
    } else {
      db = sum_to(tb ? matmul(dc, a, true, ta) : matmul(a, dc, !ta, false), b.dims());
    }
  }
  return {da, db};
}

}  // namespace

std::span<const Operation> matmul_family() {
  const AttributeSpec transpose_a = {"transpose_a", AttributeKind::flag, Attribute(false)};
  const AttributeSpec transpose_b = {"transpose_b", AttributeKind::flag, Attribute(false)};
  static const Operation table[] = {
      {.name = "matmul",
       .min_inputs = 2,
       .max_inputs = 2,
       .attributes = {transpose_a, transpose_b},
       .infer = infer_product,
       .run = run_product,
       .workspace = product_workspace,
       .flops = product_flops,
       .prepare = prepare_product,
       .gradient = for_training(product_gradient),
       .traits = {.halves = Halves::bfloat16}},
      {.name = "matmul_epilogue",
       .min_inputs = 2,
       .max_inputs = 2 + kernels::kMaxOperands,
       .attributes = with_tail({transpose_a,
                                transpose_b,
                                {"bias", AttributeKind::flag, Attribute(false)},
                                {"activation", AttributeKind::text, Attribute(std::string("none"))},
                                {"packed_columns", AttributeKind::integer, Attribute(std::int64_t{0})}}),
       .infer = infer_with_epilogue,
       .run = run_epilogue,
       .workspace = product_workspace,
       .flops = product_flops,
       .prepare = prepare_epilogue,
       .no_gradient = "made by a pass that runs after differentiation",
       .traits = {.internal = true}},
      {.name = "matmul_pack",
       .min_inputs = 1,
       .max_inputs = 1,
       .attributes = {transpose_b},
       .infer = infer_pack,
       .run = run_pack,
       .no_gradient = "made by a pass that runs after differentiation",
       .traits = {.internal = true}},
  };
  return table;
}

}  // namespace addax::ops
