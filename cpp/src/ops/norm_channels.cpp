// Normalization by statistics per channel, channels last: batch normalization by those of the whole batch (Ioffe and
// Szegedy, 2015, arXiv:1502.03167), group normalization by those of each sample and group of channels (Wu and He, 2018,
// arXiv:1803.08494). The statistics are results too: layers follow them, gradients need them.
#include "kernels/norm_channels.h"

#include "addax/ops.h"
#include "kernels/kernels.h"
#include "ops/activations.h"
#include "ops/axes.h"
#include "ops/composed.h"

namespace addax::ops {
namespace {

using kernels::ChannelNorm;
using kernels::ChannelNormGradient;

void require_epsilon(const Infer& in) {
  if (!(in.attributes().number("epsilon") >= 0))
    in.error("'epsilon' must not be negative; received ", in.attributes().number("epsilon"));
}

void require_channels(const Infer& in, int i, std::string_view what) {
  in.require_rank(i, 1);
  in.require_equal(in.dims(i)[0], in.dims(0).back(), what);
}

void require_same_shape(const Infer& in, int i) {
  in.require_rank(i, in.rank(0));
  for (int d = 0; d < in.rank(0); ++d) {
    const auto axis = static_cast<std::size_t>(d);
    in.require_equal(in.dims(i)[axis], in.dims(0)[axis], "sizes of the input and of what has its shape");
  }
}

// ---- Batch normalization

void require_batch(const Infer& in) {
  in.require_floating(0);
  in.require_same_dtypes();
  in.require_rank_at_least(0, 2);
  require_epsilon(in);
  activation_of(in);
}

Specs infer_batch(const Infer& in) {
  require_batch(in);
  for (const int i : {1, 2}) require_channels(in, i, "sizes of the channels and a parameter");
  const Spec channels{in.dtype(0), {known_of(in.dims(0).back(), in.dims(1)[0])}};
  return {in[0], channels, channels};
}

Specs infer_batch_add(const Infer& in) {
  Specs out = infer_batch(in);
  require_same_shape(in, 3);
  return out;
}

Specs infer_batch_gradient(const Infer& in) {
  require_batch(in);
  require_same_shape(in, 1);
  for (const int i : {2, 3, 4, 5}) require_channels(in, i, "sizes of the channels and a parameter");
  const Spec channels{in.dtype(0), {known_of(in.dims(0).back(), in.dims(2)[0])}};
  return {in[0], channels, channels};
}

// x as (samples, positions, channels): one sample for batch normalization.
template <class Job>
void set_sizes(Job& job, const Run& r) {
  const Shape& x = r.input(0).shape;
  const bool batch = !r.attributes().has("groups");
  job.samples = batch ? 1 : x[0];
  job.positions = batch ? x[0] : 1;
  for (int d = 1; d + 1 < x.rank(); ++d) job.positions *= x[d];
  job.channels = x[x.rank() - 1];
  job.groups = batch ? job.channels : r.attributes().integer("groups");
  job.epsilon = r.attributes().number("epsilon");
  job.workspace = r.workspace();
}

template <class T>
ChannelNorm<T> job_of(const Run& r) {
  ChannelNorm<T> job{};
  set_sizes(job, r);
  job.x = r.in<T>(0);
  job.gamma = r.in<T>(1);
  job.beta = r.in<T>(2);
  job.y = r.out<T>(0);
  job.mean = r.out<T>(1);
  job.variance = r.out<T>(2);
  return job;
}

template <class T>
ChannelNormGradient<T> gradient_job_of(const Run& r) {
  ChannelNormGradient<T> job{};
  set_sizes(job, r);
  job.x = r.in<T>(0);
  job.dy = r.in<T>(1);
  job.mean = r.in<T>(2);
  job.variance = r.in<T>(3);
  job.gamma = r.in<T>(4);
  job.dx = r.out<T>(0);
  job.dgamma = r.out<T>(1);
  job.dbeta = r.out<T>(2);
  return job;
}

template <class F>
auto visit(const Run& r, const F& f) {
  return visit_floating(r.input(0).dtype, r.operation().name, f);
}

void run_batch(const Run& r) {
  visit(r, [&](auto tag) {
    using T = typename decltype(tag)::type;
    ChannelNorm<T> job = job_of<T>(r);
    job.activation = activation_of(r);
    if (r.input_count() == 4) job.shortcut = r.in<T>(3);
    kernels::kernels().norm_channels.of<T>().batch(job);
  });
}

void run_batch_gradient(const Run& r) {
  visit(r, [&](auto tag) {
    using T = typename decltype(tag)::type;
    ChannelNormGradient<T> job = gradient_job_of<T>(r);
    job.beta = r.in<T>(5);
    job.activation = activation_of(r);
    kernels::kernels().norm_channels.of<T>().batch_gradient(job);
  });
}

std::int64_t batch_workspace(const Run& r) {
  return visit(r, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const Shape& x = r.input(0).shape;
    const std::int64_t channels = x[x.rank() - 1];
    return kernels::kernels().norm_channels.of<T>().batch_workspace(
        channels == 0 ? 0 : r.input(0).elements() / channels, channels);
  });
}

Axes all_but_last(const Value& x) {
  Axes axes = all_axes(x);
  axes.pop_back();
  return axes;
}

// What the statistics themselves pass back to x, which has m elements each: mean = Σ x / m, variance = Σ (x − mean)² /
// m.
Value through_statistics(const Gradient& g, const Value& x, const Value& mean, const Value& m, Value dx) {
  if (g.has_upstream(1)) dx = dx + broadcast_to(g.upstream(1) / m, x.dims());
  if (g.has_upstream(2)) dx = dx + (x - mean) * (g.upstream(2) * 2.0 / m);
  return dx;
}

Value count_of(const Dims& dims, DType dtype) { return dimension(product(dims), dtype); }

Values batch_gradient_rule(const Gradient& g) {
  const Value &x = g.input(0), &mean = g.output(1), &variance = g.output(2);
  Values out(3);
  Value dx;
  if (g.has_upstream(0)) {
    const Value inputs[] = {x, g.upstream(0), mean, variance, g.input(1), g.input(2)};
    out = apply(operation_named("batch_normalization_gradient"), inputs, g.attributes());
    dx = out[0];
  }
  if (g.has_upstream(1) || g.has_upstream(2)) {
    const Value m = count_of(Dims(x.dims().begin(), x.dims().end() - 1), x.dtype());
    out[0] = through_statistics(g, x, mean, m, dx ? dx : zeros_like(x));
  }
  return out;
}

// The gradient of the activation, by its input.
Value masked(const Value& dy, const Value& z, const std::string& activation) {
  if (activation == "none") return dy;
  const Value zero = constant_like(z, 0);
  Value open = greater(z, zero);
  if (activation == "relu6") open = logical_and(open, less_equal(z, constant_like(z, 6)));
  return where(open, dy, zero);
}

Values composed_batch_gradient(const Values& in, const Attributes& attributes) {
  const Value &x = in[0], &mean = in[2], &gamma = in[4];
  const Value d = x - mean, r = rsqrt(in[3] + attributes.number("epsilon"));
  const Value dy = masked(in[1], d * (gamma * r) + in[5], attributes.string("activation"));
  const Axes axes = all_but_last(x);
  const Value m = count_of(Dims(x.dims().begin(), x.dims().end() - 1), x.dtype());
  const Value sums = sum(dy, axes), products = sum(dy * d, axes);
  return {(gamma * r) * (dy - sums / m - d * (square(r) * products / m)), products * r, sums};
}

// beta only says where the activation is open, which does not change by a little.
Values batch_second_rule(const Gradient& g) {
  Values out = through(g, composed_batch_gradient);
  if (g.wanted(5)) out[5] = zeros_like(g.input(5));
  return out;
}

// ---- Group normalization

void require_group(const Infer& in) {
  in.require_floating(0);
  in.require_same_dtypes();
  in.require_rank_at_least(0, 2);
  require_epsilon(in);
  const std::int64_t groups = in.attributes().integer("groups");
  if (groups < 1) in.error("'groups' must be positive; received ", groups);
  const Dim& channels = in.dims(0).back();
  if (channels.known() && channels.value() % groups != 0)
    in.error(channels, " channels cannot be cut into ", groups, " groups");
}

void require_statistics(const Infer& in, int i) {
  in.require_rank(i, 2);
  in.require_equal(in.dims(i)[0], in.dims(0)[0], "numbers of samples");
  in.require_equal(in.dims(i)[1], Dim(in.attributes().integer("groups")), "numbers of groups");
}

Specs infer_group(const Infer& in) {
  require_group(in);
  for (const int i : {1, 2}) require_channels(in, i, "sizes of the channels and a parameter");
  const Spec statistics{in.dtype(0), {in.dims(0)[0], Dim(in.attributes().integer("groups"))}};
  return {in[0], statistics, statistics};
}

Specs infer_group_gradient(const Infer& in) {
  require_group(in);
  require_same_shape(in, 1);
  for (const int i : {2, 3}) require_statistics(in, i);
  require_channels(in, 4, "sizes of the channels and a parameter");
  const Spec channels{in.dtype(0), {known_of(in.dims(0).back(), in.dims(4)[0])}};
  return {in[0], channels, channels};
}

void run_group(const Run& r) {
  visit(r, [&](auto tag) {
    using T = typename decltype(tag)::type;
    kernels::kernels().norm_channels.of<T>().group(job_of<T>(r));
  });
}

void run_group_gradient(const Run& r) {
  visit(r, [&](auto tag) {
    using T = typename decltype(tag)::type;
    kernels::kernels().norm_channels.of<T>().group_gradient(gradient_job_of<T>(r));
  });
}

std::int64_t group_workspace(const Run& r) {
  return visit(r, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const Shape& x = r.input(0).shape;
    return kernels::kernels().norm_channels.of<T>().group_workspace(x[0], x[x.rank() - 1]);
  });
}

// (samples, positions, groups, members of a group), in which the statistics are (samples, 1, groups, 1).
struct Grouped {
  Dims shape, statistics, parameter;
  Value m;
  Grouped(const Value& x, std::int64_t groups) {
    const Dims& dims = x.dims();
    const Dim positions = product(std::span(dims).subspan(1, dims.size() - 2));
    const Dim members = floor_div(dims.back(), Dim(groups));
    shape = {dims[0], positions, Dim(groups), members};
    statistics = {dims[0], Dim(1), Dim(groups), Dim(1)};
    parameter = {Dim(groups), members};
    m = count_of({positions, members}, x.dtype());
  }
};

Values group_gradient_rule(const Gradient& g) {
  const Value &x = g.input(0), &mean = g.output(1), &variance = g.output(2);
  Values out(3);
  Value dx;
  if (g.has_upstream(0)) {
    const Value inputs[] = {x, g.upstream(0), mean, variance, g.input(1)};
    out = apply(operation_named("group_normalization_gradient"), inputs, g.attributes());
    dx = out[0];
  }
  if (g.has_upstream(1) || g.has_upstream(2)) {
    const Grouped view(x, g.attributes().integer("groups"));
    Value grouped = dx ? reshape(dx, view.shape) : full(view.shape, 0, x.dtype());
    if (g.has_upstream(1)) grouped = grouped + reshape(g.upstream(1), view.statistics) / view.m;
    if (g.has_upstream(2))
      grouped = grouped + (reshape(x, view.shape) - reshape(mean, view.statistics)) *
                              (reshape(g.upstream(2), view.statistics) * 2.0 / view.m);
    out[0] = reshape(grouped, x.dims());
  }
  return out;
}

Values composed_group_gradient(const Values& in, const Attributes& attributes) {
  const Grouped view(in[0], attributes.integer("groups"));
  const Value dy = reshape(in[1], view.shape), gamma = reshape(in[4], view.parameter);
  const Value d = reshape(in[0], view.shape) - reshape(in[2], view.statistics);
  const Value r = rsqrt(reshape(in[3], view.statistics) + attributes.number("epsilon"));
  const Value g = dy * gamma;
  const Value sums = sum(g, {1, 3}, KeepDims::yes), products = sum(g * d, {1, 3}, KeepDims::yes);
  const Value dx = r * (g - sums / view.m - d * (square(r) * products / view.m));
  return {reshape(dx, in[0].dims()), reshape(sum(dy * d * r, {0, 1}), in[4].dims()),
          reshape(sum(dy, {0, 1}), in[4].dims())};
}

Values group_second_rule(const Gradient& g) { return through(g, composed_group_gradient); }

}  // namespace

std::span<const Operation> norm_channels_family() {
  const AttributeSpec epsilon = {"epsilon", AttributeKind::number, Attribute(1e-3)};
  const AttributeSpec groups = {"groups", AttributeKind::integer};
  const AttributeSpec activation = {"activation", AttributeKind::text, Attribute(std::string("none"))};
  static const Operation table[] = {
      {.name = "batch_normalization",
       .min_inputs = 3,
       .max_inputs = 3,
       .attributes = {epsilon, activation},
       .infer = infer_batch,
       .run = run_batch,
       .workspace = batch_workspace,
       .gradient = for_training(batch_gradient_rule)},
      {.name = "batch_normalization_add",
       .min_inputs = 4,
       .max_inputs = 4,
       .attributes = {epsilon, activation},
       .infer = infer_batch_add,
       .run = run_batch,
       .workspace = batch_workspace,
       .no_gradient = "made by a pass that runs after differentiation",
       .traits = {.internal = true}},
      {.name = "batch_normalization_gradient",
       .min_inputs = 6,
       .max_inputs = 6,
       .attributes = {epsilon, activation},
       .infer = infer_batch_gradient,
       .run = run_batch_gradient,
       .workspace = batch_workspace,
       .gradient = for_training(batch_second_rule)},
      {.name = "group_normalization",
       .min_inputs = 3,
       .max_inputs = 3,
       .attributes = {groups, epsilon},
       .infer = infer_group,
       .run = run_group,
       .gradient = for_training(group_gradient_rule)},
      {.name = "group_normalization_gradient",
       .min_inputs = 5,
       .max_inputs = 5,
       .attributes = {groups, epsilon},
       .infer = infer_group_gradient,
       .run = run_group_gradient,
       .workspace = group_workspace,
       .gradient = for_training(group_second_rule)},
  };
  return table;
}

}  // namespace addax::ops
