// Normalization of each sample by itself over its last axes, as many as gamma has: to mean 0 and variance 1 (layer
// normalization: Ba et al., 2016, arXiv:1607.06450, eq. 4) or to mean square 1 (Zhang and Sennrich, 2019,
// arXiv:1910.07467, eq. 4). The second result of each is what the deviations were multiplied by, 1 / √(… + epsilon).
#include "kernels/norm_rows.h"

#include "addax/ops.h"
#include "kernels/kernels.h"
#include "ops/axes.h"
#include "ops/composed.h"

namespace addax::ops {
namespace {

using kernels::RowNorm;
using kernels::RowNormGradient;

// The rank of the parameter, which is the number of axes normalized over.
int require_parameter(const Infer& in, int i) {
  const int rank = in.rank(i), skipped = in.rank(0) - rank;
  if (rank < 1 || skipped < 0) in.error("a parameter must have one to ", in.rank(0), " axes");
  for (int d = 0; d < rank; ++d) {
    in.require_equal(in.dims(i)[static_cast<std::size_t>(d)], in.dims(0)[static_cast<std::size_t>(skipped + d)],
                     "sizes of the input's last axes and a parameter");
  }
  return rank;
}

void require_common(const Infer& in) {
  in.require_floating(0);
  in.require_same_dtypes();
}

void require_epsilon(const Infer& in) {
  if (!(in.attributes().number("epsilon") >= 0))
    in.error("'epsilon' must not be negative; received ", in.attributes().number("epsilon"));
}

Dims leading(const Dims& dims, int count) { return Dims(dims.begin(), dims.end() - count); }

Spec statistic(const Infer& in, int rank) { return {in.dtype(0), leading(in.dims(0), rank)}; }

Specs infer_layer(const Infer& in) {
  require_common(in);
  require_epsilon(in);
  const int rank = require_parameter(in, 1);
  if (in.rank(2) != rank) in.error("gamma and beta differ in rank");
  require_parameter(in, 2);
  return {in[0], statistic(in, rank), statistic(in, rank)};
}

Specs infer_rms(const Infer& in) {
  require_common(in);
  require_epsilon(in);
  return {in[0], statistic(in, require_parameter(in, 1))};
}

void require_equal_shapes(const Infer& in, int i, const Dims& wanted, std::string_view what) {
  in.require_rank(i, static_cast<int>(wanted.size()));
  for (std::size_t d = 0; d < wanted.size(); ++d) in.require_equal(in.dims(i)[d], wanted[d], what);
}

// x, dy, a statistic or two per row, gamma.
Specs infer_gradient(const Infer& in) {
  require_common(in);
  const int gamma = in.count() - 1, rank = require_parameter(in, gamma);
  require_equal_shapes(in, 1, in.dims(0), "sizes of the input and the upstream gradient");
  for (int i = 2; i < gamma; ++i) require_equal_shapes(in, i, leading(in.dims(0), rank), "sizes of the statistics");
  Specs out = {in[0], in[gamma]};
  if (in.count() == 5) out.push_back(in[gamma]);
  return out;
}

template <class F>
auto visit(const Run& r, const F& f) {
  return visit_floating(r.input(0).dtype, r.operation().name, f);
}

// The leading axes are rows, those that the parameter has are a row.
template <class Job>
void set_sizes(Job& job, const Run& r, int parameter) {
  const Shape& x = r.input(0).shape;
  const int skipped = x.rank() - r.input(parameter).shape.rank();
  job.rows = job.size = 1;
  for (int d = 0; d < x.rank(); ++d) (d < skipped ? job.rows : job.size) *= x[d];
}

template <class T>
RowNorm<T> job_of(const Run& r) {
  RowNorm<T> job{};
  set_sizes(job, r, 1);
  job.epsilon = r.attributes().number("epsilon");
  job.x = r.in<T>(0);
  job.gamma = r.in<T>(1);
  job.y = r.out<T>(0);
  return job;
}

void run_layer(const Run& r) {
  visit(r, [&](auto tag) {
    using T = typename decltype(tag)::type;
    RowNorm<T> job = job_of<T>(r);
    job.beta = r.in<T>(2);
    job.mean = r.out<T>(1);
    job.inverse = r.out<T>(2);
    kernels::kernels().norm_rows.of<T>().layer(job);
  });
}

void run_rms(const Run& r) {
  visit(r, [&](auto tag) {
    using T = typename decltype(tag)::type;
    RowNorm<T> job = job_of<T>(r);
    job.inverse = r.out<T>(1);
    kernels::kernels().norm_rows.of<T>().rms(job);
  });
}

template <class T>
RowNormGradient<T> gradient_job_of(const Run& r) {
  const int gamma = r.input_count() - 1;
  RowNormGradient<T> job{};
  set_sizes(job, r, gamma);
  job.x = r.in<T>(0);
  job.dy = r.in<T>(1);
  job.inverse = r.in<T>(gamma - 1);
  job.gamma = r.in<T>(gamma);
  job.dx = r.out<T>(0);
  job.dgamma = r.out<T>(1);
  job.workspace = r.workspace();
  return job;
}

void run_layer_gradient(const Run& r) {
  visit(r, [&](auto tag) {
    using T = typename decltype(tag)::type;
    RowNormGradient<T> job = gradient_job_of<T>(r);
    job.mean = r.in<T>(2);
    job.dbeta = r.out<T>(2);
    kernels::kernels().norm_rows.of<T>().layer_gradient(job);
  });
}

void run_rms_gradient(const Run& r) {
  visit(r, [&](auto tag) {
    using T = typename decltype(tag)::type;
    kernels::kernels().norm_rows.of<T>().rms_gradient(gradient_job_of<T>(r));
  });
}

// For each element: sums of the values and squares and the line after them, or the two sums of a gradient and its line.
template <std::int64_t each>
std::int64_t flops(const Run& r) {
  return each * r.input(0).elements();
}

std::int64_t gradient_workspace(const Run& r) {
  return visit(r, [&](auto tag) {
    using T = typename decltype(tag)::type;
    RowNormGradient<T> job{};
    set_sizes(job, r, r.input_count() - 1);
    return kernels::kernels().norm_rows.of<T>().gradient_workspace(job.rows, job.size);
  });
}

// ---- Gradient rules. Rows as a matrix: x (rows, n), statistics (rows, 1), parameters (n).

struct AsMatrix {
  Dims shape, statistics, parameter;
  Value n;
  AsMatrix(const Value& x, const Value& parameter_value) {
    const Dims& dims = x.dims();
    const std::size_t skipped = dims.size() - parameter_value.dims().size();
    const Dim rows = product(std::span(dims).first(skipped)), size = product(std::span(dims).subspan(skipped));
    shape = {rows, size};
    statistics = {rows, Dim(1)};
    parameter = {size};
    n = dimension(size, x.dtype());
  }
};

// What the statistics themselves pass back: inverse = (Σ d² / n + epsilon)^(−½) gives −inverse³ · d / n, mean gives 1 /
// n.
Value through_statistics(const Gradient& g, Value dx, const Value& deviation, const Value& inverse, int inverse_output,
                         const AsMatrix& view) {
  if (g.has_upstream(inverse_output)) {
    const Value upstream = reshape(g.upstream(inverse_output), view.statistics);
    dx = dx - deviation * (upstream * inverse * square(inverse) / view.n);
  }
  if (inverse_output == 2 && g.has_upstream(1)) dx = dx + reshape(g.upstream(1), view.statistics) / view.n;
  return dx;
}

Values layer_rule(const Gradient& g) {
  const Value &x = g.input(0), &gamma = g.input(1), &mean = g.output(1), &inverse = g.output(2);
  Values out(3);
  if (g.has_upstream(0)) {
    const Value inputs[] = {x, g.upstream(0), mean, inverse, gamma};
    out = apply(operation_named("layer_normalization_gradient"), inputs);
  }
  if (g.has_upstream(1) || g.has_upstream(2)) {
    const AsMatrix view(x, gamma);
    const Value dx = out[0] ? reshape(out[0], view.shape) : full(view.shape, 0, x.dtype());
    const Value d = reshape(x, view.shape) - reshape(mean, view.statistics);
    out[0] = reshape(through_statistics(g, dx, d, reshape(inverse, view.statistics), 2, view), x.dims());
  }
  return out;
}

Values rms_rule(const Gradient& g) {
  const Value &x = g.input(0), &gamma = g.input(1), &inverse = g.output(1);
  Values out(2);
  if (g.has_upstream(0)) {
    const Value inputs[] = {x, g.upstream(0), inverse, gamma};
    out = apply(operation_named("rms_normalization_gradient"), inputs);
  }
  if (g.has_upstream(1)) {
    const AsMatrix view(x, gamma);
    const Value dx = out[0] ? reshape(out[0], view.shape) : full(view.shape, 0, x.dtype());
    out[0] = reshape(through_statistics(g, dx, reshape(x, view.shape), reshape(inverse, view.statistics), 1, view),
                     x.dims());
  }
  return out;
}

// The gradient operations written in others: with h the normalized rows and g = dy · gamma.
Values composed_gradient(const Values& in, bool centred) {
  const Value &x = in[0], &gamma = in.back();
  const AsMatrix view(x, gamma);
  const Value inverse = reshape(in[in.size() - 2], view.statistics), dy = reshape(in[1], view.shape);
  const Value rows = reshape(x, view.shape);
  const Value h = (centred ? rows - reshape(in[2], view.statistics) : rows) * inverse;
  const Value g = dy * reshape(gamma, view.parameter);
  Value rest = g - h * (sum(g * h, {1}, KeepDims::yes) / view.n);
  if (centred) rest = rest - sum(g, {1}, KeepDims::yes) / view.n;
  Values out = {reshape(rest * inverse, x.dims()), reshape(sum(dy * h, {0}), gamma.dims())};
  if (centred) out.push_back(reshape(sum(dy, {0}), gamma.dims()));
  return out;
}
Values composed_layer_gradient(const Values& in, const Attributes&) { return composed_gradient(in, true); }
Values composed_rms_gradient(const Values& in, const Attributes&) { return composed_gradient(in, false); }

Values layer_second_rule(const Gradient& g) { return through(g, composed_layer_gradient); }
Values rms_second_rule(const Gradient& g) { return through(g, composed_rms_gradient); }

}  // namespace

std::span<const Operation> norm_rows_family() {
  const AttributeSpec epsilon = {"epsilon", AttributeKind::number, Attribute(1e-3)};
  static const Operation table[] = {
      {.name = "layer_normalization",
       .min_inputs = 3,
       .max_inputs = 3,
       .attributes = {epsilon},
       .infer = infer_layer,
       .run = run_layer,
       .flops = flops<8>,
       .gradient = for_training(layer_rule)},
      {.name = "layer_normalization_gradient",
       .min_inputs = 5,
       .max_inputs = 5,
       .infer = infer_gradient,
       .run = run_layer_gradient,
       .workspace = gradient_workspace,
       .flops = flops<14>,
       .gradient = for_training(layer_second_rule)},
      {.name = "rms_normalization",
       .min_inputs = 2,
       .max_inputs = 2,
       .attributes = {epsilon},
       .infer = infer_rms,
       .run = run_rms,
       .flops = flops<4>,
       .gradient = for_training(rms_rule)},
      {.name = "rms_normalization_gradient",
       .min_inputs = 4,
       .max_inputs = 4,
       .infer = infer_gradient,
       .run = run_rms_gradient,
       .workspace = gradient_workspace,
       .flops = flops<10>,
       .gradient = for_training(rms_second_rule)},
  };
  return table;
}

}  // namespace addax::ops
