// Resizing of images (batch, height, width, channels) with half-pixel centres, as TensorFlow 2 and Keras do without
// antialiasing.
#include "kernels/resize.h"

#include "addax/ops.h"
#include "kernels/kernels.h"
#include "ops/axes.h"

namespace addax::ops {
namespace {

using kernels::ResizeShape;

bool nearest(const Attributes& attributes) { return attributes.string("method") == "nearest"; }

void check_method(const Infer& in) {
  const std::string& method = in.attributes().string("method");
  if (method != "nearest" && method != "bilinear")
    in.error("'method' must be 'nearest' or 'bilinear'; received '", method, "'");
}

// Every output pixel needs a pixel to look at.
void require_source(const Infer& in, const Dims& from, const Dims& to) {
  for (std::size_t d = 1; d <= 2; ++d) {
    if (from[d] == 0 && !(to[d] == 0)) in.error("an image without pixels cannot be resized to ", to);
  }
}

Specs infer_resize(const Infer& in) {
  in.require_floating(0);
  in.require_rank(0, 4);
  check_method(in);
  const Dims &x = in.dims(0), &size = in.attributes().dims("size");
  if (size.size() != 2) in.error("'size' must be (height, width); received ", size);
  require_sizes(in, size, "size");
  const Dims out = {x[0], size[0], size[1], x[3]};
  require_source(in, x, out);
  return {{in.dtype(0), out}};
}

Specs infer_gradient(const Infer& in) {
  in.require_floating(0);
  in.require_rank(0, 4);
  check_method(in);
  const Dims &dy = in.dims(0), &shape = in.attributes().dims("shape");
  if (shape.size() != 4) in.error("'shape' must have rank 4; received ", shape);
  require_sizes(in, shape, "shape");
  in.require_equal(dy[0], shape[0], "batch sizes");
  in.require_equal(dy[3], shape[3], "numbers of channels");
  require_source(in, shape, dy);
  return {{in.dtype(0), shape}};
}

ResizeShape shape_of(const Shape& in, const Shape& out) { return {in[0], in[1], in[2], out[1], out[2], in[3]}; }

void run_resize(const Run& r) {
  visit_floating(r.input(0).dtype, "resize", [&](auto tag) {
    using T = typename decltype(tag)::type;
    const auto& k = kernels::kernels().resize.of<T>();
    const auto f = nearest(r.attributes()) ? k.nearest : k.bilinear;
    f(shape_of(r.input(0).shape, r.output(0).shape), r.in<T>(0), r.out<T>(0));
  });
}

void run_gradient(const Run& r) {
  visit_floating(r.input(0).dtype, "resize_gradient", [&](auto tag) {
    using T = typename decltype(tag)::type;
    const auto& k = kernels::kernels().resize.of<T>();
    const auto f = nearest(r.attributes()) ? k.nearest_gradient : k.bilinear_gradient;
    f(shape_of(r.output(0).shape, r.input(0).shape), r.in<T>(0), r.out<T>(0));
  });
}

// Linear in x: the gradient is the transpose, and the transpose's gradient the resizing itself.
Values resize_gradient(const Gradient& g) {
  return {apply_one(operation_named("resize_gradient"), {g.upstream()},
                    {{"shape", g.input(0).dims()}, {"method", g.attributes().string("method")}})};
}
Values gradient_gradient(const Gradient& g) {
  const Dims& dy = g.input(0).dims();
  return {apply_one(operation_named("resize"), {g.upstream()},
                    {{"size", Dims{dy[1], dy[2]}}, {"method", g.attributes().string("method")}})};
}

}  // namespace

std::span<const Operation> resize_family() {
  const AttributeSpec method = {"method", AttributeKind::text, Attribute(std::string("bilinear"))};
  static const Operation table[] = {
      {.name = "resize",
       .min_inputs = 1,
       .max_inputs = 1,
       .attributes = {{"size", AttributeKind::dims}, method},
       .infer = infer_resize,
       .run = run_resize,
       .gradient = for_training(resize_gradient)},
      {.name = "resize_gradient",
       .min_inputs = 1,
       .max_inputs = 1,
       .attributes = {{"shape", AttributeKind::dims}, method},
       .infer = infer_gradient,
       .run = run_gradient,
       .gradient = for_training(gradient_gradient)},
  };
  return table;
}

}  // namespace addax::ops
