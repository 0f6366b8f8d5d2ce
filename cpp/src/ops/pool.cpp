// Pooling over one to three spatial axes, channels last. Padding "same" adds pixels that count for nothing.
#include "kernels/pool.h"

#include <limits>

#include "addax/ops.h"
#include "kernels/index.h"
#include "kernels/kernels.h"
#include "ops/axes.h"
#include "ops/windows.h"

namespace addax::ops {
namespace {

using kernels::PoolShape;

Windows pool_windows(const Infer& in, int rank) {
  if (rank < 3 || rank > 2 + kernels::kSpatial) in.error("images have one to three spatial axes");
  const auto& size = in.attributes().integers("pool_size");
  if (static_cast<int>(size.size()) != rank - 2)
    in.error("'pool_size' must have ", rank - 2, " entries; received ", size.size());
  return windows_of(in, size);
}

Dims pooled_dims(const Infer& in, const Dims& image) {
  Dims out = window_counts(in, pool_windows(in, static_cast<int>(image.size())), image);
  out.insert(out.begin(), image[0]);
  out.push_back(image.back());
  return out;
}

// Positions within a sample are int32.
void require_indexable(const Infer& in, const Dims& image) {
  const Dim sample = product(std::span(image).subspan(1));
  if (sample.known() && sample.value() > std::numeric_limits<std::int32_t>::max())
    in.error("a sample has ", sample, " elements; at most 2^31 - 1 can be indexed");
}

Specs infer_max(const Infer& in) {
  in.require_floating(0);
  require_indexable(in, in.dims(0));
  const Dims out = pooled_dims(in, in.dims(0));
  return {{in.dtype(0), out}, {DType::int32, out}};
}

Specs infer_average(const Infer& in) {
  in.require_floating(0);
  return {{in.dtype(0), pooled_dims(in, in.dims(0))}};
}

const Dims& image_shape(const Infer& in) {
  const Dims& shape = in.attributes().dims("shape");
  if (shape.size() != in.dims(0).size()) in.error("'shape' must have rank ", in.rank(0), "; received ", shape);
  require_sizes(in, shape, "shape");
  return shape;
}

// The upstream gradient is of the size that pooling an image of `shape` gives.
const Dims& image_behind(const Infer& in) {
  in.require_floating(0);
  const Dims& shape = image_shape(in);
  const Dims pooled = pooled_dims(in, shape);
  for (std::size_t d = 0; d < pooled.size(); ++d)
    in.require_equal(in.dims(0)[d], pooled[d], "sizes of the upstream gradient and the pooled image");
  return shape;
}

Specs infer_average_gradient(const Infer& in) { return {{in.dtype(0), image_behind(in)}}; }

void require_same_dims(const Infer& in) {
  in.require_rank(1, in.rank(0));
  for (std::size_t d = 0; d < in.dims(0).size(); ++d)
    in.require_equal(in.dims(0)[d], in.dims(1)[d], "sizes of values and indices");
}

Specs infer_max_gradient(const Infer& in) {
  in.require_dtype(1, DType::int32);
  require_same_dims(in);
  const Dims& shape = image_behind(in);
  require_indexable(in, shape);
  return {{in.dtype(0), shape}};
}

Specs infer_scatter(const Infer& in) {
  in.require_floating(0);
  in.require_dtype(1, DType::int32);
  in.require_rank_at_least(0, 2);
  require_same_dims(in);
  const Dims& shape = image_shape(in);
  in.require_equal(in.dims(0)[0], shape[0], "batch sizes");
  require_indexable(in, shape);
  return {{in.dtype(0), shape}};
}

Specs infer_gather(const Infer& in) {
  in.require_floating(0);
  in.require_dtype(1, DType::int32);
  in.require_rank_at_least(0, 2);
  in.require_rank(1, in.rank(0));
  in.require_equal(in.dims(0)[0], in.dims(1)[0], "batch sizes");
  require_indexable(in, in.dims(0));
  return {{in.dtype(0), in.dims(1)}};
}

// ---- Runs.

PoolShape shape_of(const Run& r, const Shape& image, const Shape& pooled) {
  PoolShape s{};
  s.batch = image[0];
  s.channels = image[image.rank() - 1];
  const Windows windows = windows_of(r.attributes(), r.attributes().integers("pool_size"));
  fill_windows(windows, image, pooled, {s.in, s.out, s.window, s.stride, s.pad_low});
  return s;
}

template <class Body>
void with_kernels(const Run& r, const Body& body) {
  visit_floating(r.input(0).dtype, r.operation().name, [&](auto tag) {
    using T = typename decltype(tag)::type;
    body(kernels::kernels().pool.of<T>(), r.in<T>(0), r.out<T>(0));
  });
}

void run_max(const Run& r) {
  const PoolShape s = shape_of(r, r.input(0).shape, r.output(0).shape);
  with_kernels(
      r, [&](const auto& k, const auto* x, auto* y) { k.max(s, x, y, r.wants(1) ? r.out<std::int32_t>(1) : nullptr); });
}

void run_max_gradient(const Run& r) {
  const PoolShape s = shape_of(r, r.output(0).shape, r.input(0).shape);
  with_kernels(r, [&](const auto& k, const auto* dy, auto* dx) { k.max_gradient(s, dy, r.in<std::int32_t>(1), dx); });
}

void run_average(const Run& r) {
  const PoolShape s = shape_of(r, r.input(0).shape, r.output(0).shape);
  with_kernels(r, [&](const auto& k, const auto* x, auto* y) { k.average(s, x, y); });
}

void run_average_gradient(const Run& r) {
  const PoolShape s = shape_of(r, r.output(0).shape, r.input(0).shape);
  with_kernels(r, [&](const auto& k, const auto* dy, auto* dx) { k.average_gradient(s, dy, dx); });
}

std::int64_t sample_size(const Buffer& buffer) {
  std::int64_t size = 1;
  for (int d = 1; d < buffer.shape.rank(); ++d) size *= buffer.shape[d];
  return size;
}

// Indices come from max_pool, but a program may feed any.
void require_indices(const Run& r, std::int64_t size) {
  const auto* index = r.in<std::int32_t>(1);
  const std::int64_t bad = kernels::first_out_of_range(index, r.input(1).elements(), std::int64_t{0}, size);
  if (bad >= 0)
    fail(ErrorKind::index, r.operation().name, ": index ", index[bad], " is not within a sample of ", size,
         " elements");
}

void run_scatter(const Run& r) {
  const std::int64_t in = sample_size(r.output(0)), out = sample_size(r.input(0));
  require_indices(r, in);
  with_kernels(r, [&](const auto& k, const auto* dy, auto* dx) {
    k.scatter(r.input(0).shape[0], in, out, dy, r.in<std::int32_t>(1), dx);
  });
}

void run_gather(const Run& r) {
  const std::int64_t in = sample_size(r.input(0)), out = sample_size(r.output(0));
  require_indices(r, in);
  with_kernels(r, [&](const auto& k, const auto* x, auto* y) {
    k.gather(r.input(0).shape[0], in, out, x, r.in<std::int32_t>(1), y);
  });
}

// ---- Gradients.

Value scatter_of(const Value& dy, const Value& index, const Dims& shape) {
  return apply_one(operation_named("pool_scatter"), {dy, index}, {{"shape", shape}});
}
Value gather_of(const Value& x, const Value& index) { return apply_one(operation_named("pool_gather"), {x, index}); }

Values scatter_gradient(const Gradient& g) { return {gather_of(g.upstream(), g.input(1)), Value()}; }
Values gather_gradient(const Gradient& g) { return {scatter_of(g.upstream(), g.input(1), g.input(0).dims()), Value()}; }

Attributes windows_only(const Attributes& from) {
  Attributes to;
  for (const char* name : {"pool_size", "strides", "padding"}) to.set(name, from.entries().find(name)->second);
  return to;
}

// The gradient of pooling, by the operation of that name: `inputs` are the upstream gradient and what else it takes.
Value pooling_gradient(const char* name, const Gradient& g, std::initializer_list<Value> inputs) {
  Attributes attributes = windows_only(g.attributes());
  attributes.set("shape", g.input(0).dims());
  return apply_one(operation_named(name), inputs, attributes);
}

Values max_gradient(const Gradient& g) {
  return {pooling_gradient("max_pool_gradient", g, {g.upstream(0), g.output(1)})};
}

// The indices are max_pool's: each lies in its window.
Values max_gradient_gradient(const Gradient& g) { return {gather_of(g.upstream(), g.input(1)), Value()}; }

Values average_gradient(const Gradient& g) { return {pooling_gradient("average_pool_gradient", g, {g.upstream()})}; }

Values average_gradient_gradient(const Gradient& g) {
  return {apply_one(operation_named("average_pool"), {g.upstream()}, windows_only(g.attributes()))};
}

}  // namespace

std::span<const Operation> pool_family() {
  const std::vector<AttributeSpec> windows = {
      {"pool_size", AttributeKind::integers},
      {"strides", AttributeKind::integers, Attribute(std::vector<std::int64_t>{})},
      {"padding", AttributeKind::text, Attribute(std::string("valid"))},
  };
  std::vector<AttributeSpec> windows_and_shape = windows;
  windows_and_shape.push_back({"shape", AttributeKind::dims});
  static const Operation table[] = {
      {.name = "max_pool",
       .min_inputs = 1,
       .max_inputs = 1,
       .attributes = windows,
       .infer = infer_max,
       .run = run_max,
       .gradient = max_gradient,
       .traits = {.optional_outputs = true}},
      {.name = "max_pool_gradient",
       .min_inputs = 2,
       .max_inputs = 2,
       .attributes = windows_and_shape,
       .infer = infer_max_gradient,
       .run = run_max_gradient,
       .gradient = max_gradient_gradient},
      {.name = "average_pool",
       .min_inputs = 1,
       .max_inputs = 1,
       .attributes = windows,
       .infer = infer_average,
       .run = run_average,
       .gradient = average_gradient},
      {.name = "average_pool_gradient",
       .min_inputs = 1,
       .max_inputs = 1,
       .attributes = windows_and_shape,
       .infer = infer_average_gradient,
       .run = run_average_gradient,
       .gradient = average_gradient_gradient},
      {.name = "pool_scatter",
       .min_inputs = 2,
       .max_inputs = 2,
       .attributes = {{"shape", AttributeKind::dims}},
       .infer = infer_scatter,
       .run = run_scatter,
       .gradient = scatter_gradient,
       .traits = {.may_fail = true}},
      {.name = "pool_gather",
       .min_inputs = 2,
       .max_inputs = 2,
       .infer = infer_gather,
       .run = run_gather,
       .gradient = gather_gradient,
       .traits = {.may_fail = true}},
  };
  return table;
}

}  // namespace addax::ops
