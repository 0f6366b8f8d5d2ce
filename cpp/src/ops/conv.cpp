// Convolutions, channels last, over one to three spatial axes: x (batch, size…, in), w (size…, in / groups, out), and
// depthwise ones with w (size…, in, multiplier). Both gradients are operations themselves, each linear in its two
// inputs, so that the three are each other's gradients; the data gradient is also the transposed convolution.
//
// Attributes: strides, dilation (one per spatial axis; empty: ones), padding "valid", "same" (TensorFlow's) or
// "explicit" with pads (low, high for each spatial axis in turn).
#include "addax/ops.h"
#include "ops/activations.h"
#include "ops/axes.h"
#include "ops/conv_pack.h"
#include "ops/conv_shape.h"
#include "ops/tail.h"

namespace addax::ops {
namespace {

using kernels::BrainHalf;
using kernels::Conv;
using kernels::ConvPass;
using kernels::ConvShape;

// The types that have kernels.
template <Kind kind>
void require_convolution(const Infer& in) {
  if (kind == Kind::depthwise || in.dtype(0) != DType::bfloat16) in.require_floating(0);
}

// The image and the weights; an epilogue has more inputs.
template <Kind kind>
void require_floats(const Infer& in) {
  require_convolution<kind>(in);
  in.require_dtype(1, in.dtype(0));
}

template <Kind kind>
Specs infer_forward(const Infer& in) {
  require_floats<kind>(in);
  const Dims w = weights_of(in, spatial_rank(in, 0) + 2);
  const Specs out = {{in.dtype(0), result_dims(kind, in, in.dims(0), w)}};
  check_packed(in, in.dims(0), w, ConvPass::forward);
  return out;
}

// (dy, w) → dL/dx of the given shape.
template <Kind kind>
Specs infer_data(const Infer& in) {
  require_floats<kind>(in);
  const int rank = spatial_rank(in, 0) + 2;
  const Dims w = weights_of(in, rank);
  const Dims& shape = in.attributes().dims("shape");
  if (static_cast<int>(shape.size()) != rank) in.error("'shape' must have rank ", rank, "; received ", shape);
  require_sizes(in, shape, "shape");
  require_equal_dims(in, in.dims(0), result_dims(kind, in, shape, w),
                     "sizes of the upstream gradient and the convolution's result");
  check_packed(in, shape, w, ConvPass::data_gradient);
  return {{in.dtype(0), shape}};
}

// ---- Epilogues: a bias, or none, an activation, a tail.

template <Specs (*infer)(const Infer&)>
Specs infer_with_epilogue(const Infer& in) {
  return infer_epilogue(in, infer(in)[0]);
}

// (x, dy) → dL/dw for the given kernel size.
template <Kind kind>
Specs infer_kernel(const Infer& in) {
  require_convolution<kind>(in);
  in.require_same_dtypes();
  const int spatial = spatial_rank(in, 0);
  in.require_rank(1, spatial + 2);
  const auto& size = in.attributes().integers("kernel_size");
  if (static_cast<int>(size.size()) != spatial)
    in.error("'kernel_size' must have ", spatial, " entries; received ", size.size());
  const Dim &channels = in.dims(0).back(), &filters = in.dims(1).back();
  Dims w(size.begin(), size.end());
  if (kind == Kind::depthwise) {
    w.push_back(channels);
    w.push_back(floor_div(filters, channels == 0 ? Dim(1) : channels));
  } else {
    const std::int64_t groups = groups_of(in);
    require_divisible(in, channels, groups, "input channels");
    w.push_back(floor_div(channels, groups));
    w.push_back(filters);
  }
  require_equal_dims(in, in.dims(1), result_dims(kind, in, in.dims(0), w),
                     "sizes of the upstream gradient and the convolution's result");
  return {{in.dtype(0), w}};
}

// ---- Runs.

Shape kernel_of(const Run& r) {
  return is_packed(r.attributes()) ? Shape(r.attributes().integers("kernel")) : r.input(1).shape;
}

// Which of an operation's buffers are the image, the result and the kernel of the convolution.
template <Kind kind>
ConvShape forward_shape(const Run& r) {
  return conv_shape(kind, r.attributes(), r.input(0).shape, r.output(0).shape, kernel_of(r));
}
template <Kind kind>
ConvShape data_shape(const Run& r) {
  return conv_shape(kind, r.attributes(), r.output(0).shape, r.input(0).shape, kernel_of(r));
}
template <Kind kind>
ConvShape kernel_shape(const Run& r) {
  return conv_shape(kind, r.attributes(), r.input(0).shape, r.input(1).shape, r.output(0).shape);
}

// What a step knows before it runs: attributes are found by their names, which takes longer than a small layer may.
struct Prepared {
  ConvShape shape{};
  bool packed = false;
  int own_inputs = 2;
  kernels::Activation activation = kernels::Activation::none;
  PreparedTail tail;
};

template <ConvShape (*shape_of)(const Run&)>
std::shared_ptr<void> prepare(const Run& r) {
  auto prepared = std::make_shared<Prepared>();
  prepared->shape = shape_of(r);
  if (!r.operation().traits.internal) return prepared;
  prepared->packed = is_packed(r.attributes());
  prepared->own_inputs = epilogue_inputs(r.attributes());
  prepared->activation = activation_of(r);
  prepared->tail = prepare_tail(r, prepared->own_inputs);
  return prepared;
}

template <Kind kind, class Body>
auto with_type(const Run& r, const Body& body) {
  if constexpr (kind == Kind::direct) {
    if (r.input(0).dtype == DType::bfloat16) return body(TypeTag<BrainHalf>{});
  }
  return visit_floating(r.input(0).dtype, r.operation().name, body);
}

// Runs body(job) for a convolution's job but for the image.
template <class T, class Body>
void with_job(const Run& r, const Body& body) {
  const Prepared& prepared = r.prepared<Prepared>();
  Conv<T> job{};
  job.shape = prepared.shape;
  job.w = r.in<T>(1);
  if (prepared.packed) job.packed = r.in<T>(1);
  job.result = r.out<T>(0);
  job.workspace = r.workspace();
  if (prepared.own_inputs == 3) job.bias = r.in<kernels::Sum<T>>(2);
  job.activation = prepared.activation;
  if constexpr (std::is_same_v<T, float>) {
    if (r.operation().traits.internal) {
      const TailCall call(r, prepared.tail, prepared.own_inputs);
      job.result = call.result();
      job.tail = call.tail();
      return body(job);
    }
  }
  body(job);
}

template <Kind kind>
void run_forward(const Run& r) {
  with_type<kind>(r, [&](auto tag) {
    using T = typename decltype(tag)::type;
    with_job<T>(r, [&](Conv<T>& job) {
      job.x = r.in<T>(0);
      conv_functions<kind, T>(job.shape, ConvPass::forward).forward(job);
    });
  });
}

template <Kind kind>
void run_data(const Run& r) {
  with_type<kind>(r, [&](auto tag) {
    using T = typename decltype(tag)::type;
    with_job<T>(r, [&](Conv<T>& job) {
      job.y = r.in<T>(0);
      conv_functions<kind, T>(job.shape, ConvPass::data_gradient).data_gradient(job);
    });
  });
}

template <Kind kind>
void run_kernel(const Run& r) {
  with_type<kind>(r, [&](auto tag) {
    using T = typename decltype(tag)::type;
    Conv<T> job{};
    job.shape = r.prepared<Prepared>().shape;
    job.x = r.in<T>(0);
    job.y = r.in<T>(1);
    job.result = r.out<T>(0);
    job.workspace = r.workspace();
    conv_functions<kind, T>(job.shape, ConvPass::kernel_gradient).kernel_gradient(job);
  });
}

template <Kind kind>
std::int64_t forward_workspace(const Run& r) {
  return with_type<kind>(r, [&](auto tag) {
    const ConvShape shape = forward_shape<kind>(r);
    return conv_functions<kind, typename decltype(tag)::type>(shape, ConvPass::forward).forward_workspace(shape);
  });
}
template <Kind kind>
std::int64_t data_workspace(const Run& r) {
  return with_type<kind>(r, [&](auto tag) {
    const ConvShape shape = data_shape<kind>(r);
    return conv_functions<kind, typename decltype(tag)::type>(shape, ConvPass::data_gradient)
        .data_gradient_workspace(shape);
  });
}
template <Kind kind>
std::int64_t kernel_workspace(const Run& r) {
  return with_type<kind>(r, [&](auto tag) {
    const ConvShape shape = kernel_shape<kind>(r);
    return conv_functions<kind, typename decltype(tag)::type>(shape, ConvPass::kernel_gradient)
        .kernel_gradient_workspace(shape);
  });
}

// Two for every tap, those on the padding included.
std::int64_t flops_of(const ConvShape& s, std::int64_t channels) {
  const auto volume = [](const std::int64_t(&size)[kernels::kSpatial]) { return size[0] * size[1] * size[2]; };
  return 2 * s.batch * volume(s.out) * volume(s.kernel) * channels * s.out_channels;
}
template <Kind kind, ConvShape (*shape_of)(const Run&)>
std::int64_t flops(const Run& r) {
  const ConvShape s = shape_of(r);
  return flops_of(s, kind == Kind::depthwise ? 1 : s.in_channels / s.groups);
}

// ---- Gradients. y(x, w), its data gradient dx(dy, w) and its kernel gradient dw(x, dy) are the three faces of one
// form that is linear in x, w and dy.

Attributes windows_only(const Attributes& from) {
  Attributes to;
  for (const char* name : {"strides", "padding", "pads", "dilation", "groups"}) {
    if (from.has(name)) to.set(name, from.entries().find(name)->second);
  }
  return to;
}

const Operation& sibling(Kind kind, const char* suffix) {
  return operation_named(std::string(kind == Kind::depthwise ? "depthwise_conv" : "conv") + suffix);
}

Value forward_of(Kind kind, const Gradient& g, const Value& x, const Value& w) {
  return apply_one(sibling(kind, ""), {x, w}, windows_only(g.attributes()));
}
Value data_of(Kind kind, const Gradient& g, const Value& dy, const Value& w, const Dims& shape) {
  Attributes attributes = windows_only(g.attributes());
  attributes.set("shape", shape);
  return apply_one(sibling(kind, "_data_gradient"), {dy, w}, attributes);
}
Value kernel_of(Kind kind, const Gradient& g, const Value& x, const Value& dy, const Dims& w) {
  Attributes attributes = windows_only(g.attributes());
  const Shape size = to_shape(kernel_size(w));
  attributes.set("kernel_size", std::vector<std::int64_t>(size.begin(), size.end()));
  return apply_one(sibling(kind, "_kernel_gradient"), {x, dy}, attributes);
}

template <Kind kind>
Values forward_gradient(const Gradient& g) {
  const Value &x = g.input(0), &w = g.input(1), dy = g.upstream();
  return {g.wanted(0) ? data_of(kind, g, dy, w, x.dims()) : Value(),
          g.wanted(1) ? kernel_of(kind, g, x, dy, w.dims()) : Value()};
}

template <Kind kind>
Values data_gradient(const Gradient& g) {
  const Value &dy = g.input(0), &w = g.input(1), x = g.upstream();
  return {g.wanted(0) ? forward_of(kind, g, x, w) : Value(),
          g.wanted(1) ? kernel_of(kind, g, x, dy, w.dims()) : Value()};
}

template <Kind kind>
Values kernel_gradient(const Gradient& g) {
  const Value &x = g.input(0), &dy = g.input(1), w = g.upstream();
  return {g.wanted(0) ? data_of(kind, g, dy, w, x.dims()) : Value(), g.wanted(1) ? forward_of(kind, g, x, w) : Value()};
}

template <Kind kind>
constexpr Halves kHalves = kind == Kind::direct ? Halves::bfloat16 : Halves::widened;

template <Kind kind>
Operation forward_operation(const char* name) {
  return {.name = name,
          .min_inputs = 2,
          .max_inputs = 2,
          .attributes = window_attributes(kind),
          .infer = infer_forward<kind>,
          .run = run_forward<kind>,
          .workspace = forward_workspace<kind>,
          .flops = flops<kind, forward_shape<kind>>,
          .prepare = prepare<forward_shape<kind>>,
          .gradient = for_training(forward_gradient<kind>),
          .traits = {.halves = kHalves<kind>}};
}

template <Kind kind>
Operation data_operation(const char* name) {
  return {.name = name,
          .min_inputs = 2,
          .max_inputs = 2,
          .attributes = with(window_attributes(kind), {"shape", AttributeKind::dims}),
          .infer = infer_data<kind>,
          .run = run_data<kind>,
          .workspace = data_workspace<kind>,
          .flops = flops<kind, data_shape<kind>>,
          .prepare = prepare<data_shape<kind>>,
          .gradient = for_training(data_gradient<kind>),
          .traits = {.halves = kHalves<kind>}};
}

template <Kind kind>
Operation kernel_operation(const char* name) {
  return {.name = name,
          .min_inputs = 2,
          .max_inputs = 2,
          .attributes = with(window_attributes(kind), {"kernel_size", AttributeKind::integers}),
          .infer = infer_kernel<kind>,
          .run = run_kernel<kind>,
          .workspace = kernel_workspace<kind>,
          .flops = flops<kind, kernel_shape<kind>>,
          .prepare = prepare<kernel_shape<kind>>,
          .gradient = for_training(kernel_gradient<kind>),
          .traits = {.halves = kHalves<kind>}};
}

// The same with an epilogue; the weights may come packed.
Operation with_epilogue(Operation operation, Specs (*infer)(const Infer&)) {
  operation.max_inputs = 2 + kernels::kMaxOperands;
  operation.attributes.push_back({"bias", AttributeKind::flag, Attribute(false)});
  operation.attributes.push_back({"activation", AttributeKind::text, Attribute(std::string("none"))});
  operation.attributes.push_back({"kernel", AttributeKind::integers, Attribute(std::vector<std::int64_t>{})});
  operation.attributes = with_tail(std::move(operation.attributes));
  operation.infer = infer;
  operation.gradient = nullptr;
  operation.no_gradient = kMadeByPasses;
  operation.traits.internal = true;
  return operation;
}

}  // namespace

std::span<const Operation> conv_family() {
  static const Operation table[] = {
      forward_operation<Kind::direct>("conv"),
      data_operation<Kind::direct>("conv_data_gradient"),
      kernel_operation<Kind::direct>("conv_kernel_gradient"),
      forward_operation<Kind::depthwise>("depthwise_conv"),
      data_operation<Kind::depthwise>("depthwise_conv_data_gradient"),
      kernel_operation<Kind::depthwise>("depthwise_conv_kernel_gradient"),
      with_epilogue(forward_operation<Kind::direct>("conv_epilogue"), infer_with_epilogue<infer_forward<Kind::direct>>),
      with_epilogue(data_operation<Kind::direct>("conv_data_gradient_epilogue"),
                    infer_with_epilogue<infer_data<Kind::direct>>),
      with_epilogue(forward_operation<Kind::depthwise>("depthwise_conv_epilogue"),
                    infer_with_epilogue<infer_forward<Kind::depthwise>>),
      pack_operation(),
  };
  return table;
}

}  // namespace addax::ops
