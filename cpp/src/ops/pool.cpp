// Pooling over one to three spatial axes, channels last. Padding "same" adds pixels that count for nothing.
#include "kernels/pool.h"

#include <algorithm>
#include <limits>

#include "addax/ops.h"
#include "base/checked.h"
#include "kernels/kernels.h"
#include "ops/axes.h"
#include "ops/windows.h"

namespace addax::ops {
namespace {

using kernels::PoolShape;

// The elements of a window, those on the padding too: indices count them (kernels/pool.h), and sums over them stay far
// from what 64 bits hold.
std::int64_t taps_of(const Infer& in) {
  std::int64_t taps = 1;
  for (const std::int64_t size : in.attributes().integers("pool_size")) taps = checked_mul(taps, size);
  if (taps > std::numeric_limits<std::int32_t>::max()) in.error("a window has ", taps, " elements; at most 2^31 - 1");
  return taps;
}

Windows pool_windows(const Infer& in, int rank) {
  if (rank < 3 || rank > 2 + kernels::kSpatial) in.error("images have one to three spatial axes");
  const auto& size = in.attributes().integers("pool_size");
  if (static_cast<int>(size.size()) != rank - 2)
    in.error("'pool_size' must have ", rank - 2, " entries; received ", size.size());
  const Windows windows = windows_of(in, size);
  taps_of(in);
  return windows;
}

Dims pooled_dims(const Infer& in, const Dims& image) {
  Dims out = window_counts(in, pool_windows(in, static_cast<int>(image.size())), image);
  out.insert(out.begin(), image[0]);
  out.push_back(image.back());
  return out;
}

DType index_dtype(const Infer& in) { return kernels::has_small_indices(taps_of(in)) ? DType::uint8 : DType::int32; }

Specs infer_max(const Infer& in) {
  in.require_floating(0);
  const Dims out = pooled_dims(in, in.dims(0));
  return {{in.dtype(0), out}, {index_dtype(in), out}};
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

// Input 1, max_pool's indices, has the dims of the pooled image.
void require_indices(const Infer& in, const Dims& pooled) {
  in.require_dtype(1, index_dtype(in));
  in.require_rank(1, static_cast<int>(pooled.size()));
  for (std::size_t d = 0; d < pooled.size(); ++d)
    in.require_equal(pooled[d], in.dims(1)[d], "sizes of the pooled image and the indices");
}

Specs infer_max_gradient(const Infer& in) {
  const Dims& shape = image_behind(in);
  require_indices(in, in.dims(0));
  return {{in.dtype(0), shape}};
}

Specs infer_gather(const Infer& in) {
  in.require_floating(0);
  const Dims out = pooled_dims(in, in.dims(0));
  require_indices(in, out);
  return {{in.dtype(0), out}};
}

// ---- Runs.

PoolShape shape_of(const Run& r, const Shape& image, const Shape& pooled) {
  PoolShape s{};
  s.batch = image[0];
  s.channels = image[image.rank() - 1];
  const Windows windows = windows_of(r.attributes(), r.attributes().integers("pool_size"));
  fill_windows(windows, image, pooled, {s.in, s.out, s.window, s.stride, s.pad_low});
  if (image.elements() == 0 && pooled.elements() == 0) {
    // Of no channels or no samples: the image may have any size, which no memory bounds.
    s.batch = 0;
    for (auto* field : {&s.in, &s.out}) std::fill_n(*field, kernels::kSpatial, 1);
  }
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
  with_kernels(r, [&](const auto& k, const auto* x, auto* y) { k.max(s, x, y, r.output(1).data); });
}

void run_max_gradient(const Run& r) {
  const PoolShape s = shape_of(r, r.output(0).shape, r.input(0).shape);
  with_kernels(r, [&](const auto& k, const auto* dy, auto* dx) { k.max_gradient(s, dy, r.input(1).data, dx); });
}

void run_average(const Run& r) {
  const PoolShape s = shape_of(r, r.input(0).shape, r.output(0).shape);
  with_kernels(r, [&](const auto& k, const auto* x, auto* y) { k.average(s, x, y); });
}

void run_average_gradient(const Run& r) {
  const PoolShape s = shape_of(r, r.output(0).shape, r.input(0).shape);
  with_kernels(r, [&](const auto& k, const auto* dy, auto* dx) { k.average_gradient(s, dy, dx); });
}

void run_gather(const Run& r) {
  const PoolShape s = shape_of(r, r.input(0).shape, r.output(0).shape);
  with_kernels(r, [&](const auto& k, const auto* x, auto* y) { k.gather(s, x, r.input(1).data, y); });
}

// ---- Gradients.

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

// With the indices given, the gradient of pooling and the gathering are linear, and each other's transpose.
Values max_gradient_gradient(const Gradient& g) {
  return {apply_one(operation_named("pool_gather"), {g.upstream(), g.input(1)}, windows_only(g.attributes())), Value()};
}
Values gather_gradient(const Gradient& g) {
  return {pooling_gradient("max_pool_gradient", g, {g.upstream(), g.input(1)}), Value()};
}

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
       .gradient = for_training(max_gradient),
       .traits = {.optional_outputs = true}},
      {.name = "max_pool_gradient",
       .min_inputs = 2,
       .max_inputs = 2,
       .attributes = windows_and_shape,
       .infer = infer_max_gradient,
       .run = run_max_gradient,
       .gradient = for_training(max_gradient_gradient)},
      {.name = "average_pool",
       .min_inputs = 1,
       .max_inputs = 1,
       .attributes = windows,
       .infer = infer_average,
       .run = run_average,
       .gradient = for_training(average_gradient)},
      {.name = "average_pool_gradient",
       .min_inputs = 1,
       .max_inputs = 1,
       .attributes = windows_and_shape,
       .infer = infer_average_gradient,
       .run = run_average_gradient,
       .gradient = for_training(average_gradient_gradient)},
      {.name = "pool_gather",
       .min_inputs = 2,
       .max_inputs = 2,
       .attributes = windows,
       .infer = infer_gather,
       .run = run_gather,
       .gradient = for_training(gather_gradient)},
  };
  return table;
}

}  // namespace addax::ops
