// Convolutions, channels last, over one to three spatial axes: x (batch, size…, in), w (size…, in / groups, out), and
// depthwise ones with w (size…, in, multiplier). Both gradients are operations themselves, each linear in its two
// inputs, so that the three are each other's gradients; the data gradient is also the transposed convolution.
//
// Attributes: strides, dilation (one per spatial axis; empty: ones), padding "valid", "same" (TensorFlow's) or
// "explicit" with pads (low, high for each spatial axis in turn).
#include "addax/ops.h"
#include "ops/activations.h"
#include "ops/axes.h"
#include "ops/conv_shape.h"
#include "ops/tail.h"
#include "ops/windows.h"

namespace addax::ops {
namespace {

using kernels::BrainHalf;
using kernels::Conv;
using kernels::ConvPass;
using kernels::ConvShape;

// Spatial axes of an image or kernel.
int spatial_rank(const Infer& in, int i) {
  in.require_rank_at_least(i, 3);
  if (in.rank(i) > 2 + kernels::kSpatial) in.error("images have at most three spatial axes");
  return in.rank(i) - 2;
}

Dims kernel_size(const Dims& w) { return Dims(w.begin(), w.end() - 2); }

std::int64_t groups_of(const Infer& in) {
  const std::int64_t groups = in.attributes().integer("groups");
  if (groups < 1) in.error("'groups' must be positive; received ", groups);
  return groups;
}

void require_divisible(const Infer& in, const Dim& channels, std::int64_t groups, std::string_view what) {
  if (channels.known() && channels.value() % groups != 0)
    in.error("The number of ", what, " must be evenly divisible by the number of groups. Received ", channels,
             " and groups=", groups);
}

// The channels that w gives to images of `channels` channels.
template <Kind kind>
Dim out_channels(const Infer& in, const Dim& channels, const Dims& w) {
  const Dim &inner = w[w.size() - 2], &last = w.back();
  if (kind == Kind::depthwise) {
    in.require_equal(channels, inner, "channels of the image and the kernel");
    return known_of(channels, inner) * last;
  }
  const std::int64_t groups = groups_of(in);
  in.require_equal(channels, inner * groups, "channels of the image and groups times those of the kernel");
  require_divisible(in, last, groups, "filters");
  return last;
}

// The result's dims for an image and a kernel.
template <Kind kind>
Dims result_dims(const Infer& in, const Dims& image, const Dims& w) {
  const Windows windows = windows_of(in, known_sizes(in, kernel_size(w), "the kernel's size"));
  Dims out = window_counts(in, windows, image);
  out.insert(out.begin(), image[0]);
  out.push_back(out_channels<kind>(in, image.back(), w));
  return out;
}

void require_equal_dims(const Infer& in, const Dims& a, const Dims& b, std::string_view what) {
  for (std::size_t d = 0; d < a.size(); ++d) in.require_equal(a[d], b[d], what);
}

// ---- Weights: the convolution's kernel as it is, or what conv_pack made of it, whose sizes are then the attribute
// `kernel`.

bool is_packed(const Attributes& attributes) {
  return attributes.has("kernel") && !attributes.integers("kernel").empty();
}

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

// The dims of the kernel of a convolution of images of rank `rank`.
Dims weights_of(const Infer& in, int rank) {
  if (!is_packed(in.attributes())) {
    in.require_rank(1, rank);
    return in.dims(1);
  }
  const auto& kernel = in.attributes().integers("kernel");
  if (static_cast<int>(kernel.size()) != rank) in.error("'kernel' must have ", rank, " entries");
  for (const std::int64_t size : kernel)
    if (size < 0) in.error("'kernel' must not have negative entries");
  if (in.dtype(0) == DType::float64) in.type_error("weights of float64 are not packed");
  in.require_rank(1, 1);
  return Dims(kernel.begin(), kernel.end());
}

// The values of the weights, packed for images of the given dims, all known but the batch.
std::int64_t packed_size(const Infer& in, Dims image, const Dims& w, ConvPass pass);

// Packed weights must be those of this convolution.
void check_packed(const Infer& in, const Dims& image, const Dims& w, ConvPass pass) {
  if (!is_packed(in.attributes())) return;
  // Packed weights are no fewer than those of the kernel: one that claims more is not measured any further.
  const Dim& there = in.dims(1)[0];
  if (!there.known() || there.value() < to_shape(w).elements() || there.value() != packed_size(in, image, w, pass))
    in.error("the weights are not packed for this convolution");
}

template <Kind kind>
Specs infer_forward(const Infer& in) {
  require_floats<kind>(in);
  const Dims w = weights_of(in, spatial_rank(in, 0) + 2);
  const Specs out = {{in.dtype(0), result_dims<kind>(in, in.dims(0), w)}};
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
  require_equal_dims(in, in.dims(0), result_dims<kind>(in, shape, w),
                     "sizes of the upstream gradient and the convolution's result");
  check_packed(in, shape, w, ConvPass::data_gradient);
  return {{in.dtype(0), shape}};
}

// ---- Epilogues: a bias, or none, an activation, a tail.

// Inputs before those of the tail.
int own_inputs(const Attributes& attributes) { return attributes.flag("bias") ? 3 : 2; }

template <Specs (*infer)(const Infer&)>
Specs infer_epilogue(const Infer& in) {
  const Specs out = infer(in);
  activation_of(in);
  const int own = own_inputs(in.attributes());
  if (own == 3) {
    if (in.count() < 3) in.error("the bias is missing");
    in.require_rank(2, 1);
    in.require_dtype(2, sum_type(in.dtype(0)));
    in.require_equal(in.dims(2)[0], out[0].dims.back(), "sizes of the bias and the result's channels");
  }
  return infer_tail(in, own, out[0]);
}

std::shared_ptr<void> prepare_epilogue(const Run& r) {
  return std::make_shared<PreparedTail>(prepare_tail(r, own_inputs(r.attributes())));
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
  require_equal_dims(in, in.dims(1), result_dims<kind>(in, in.dims(0), w),
                     "sizes of the upstream gradient and the convolution's result");
  return {{in.dtype(0), w}};
}

// ---- Runs.

// The sizes of the kernel, which are an attribute where it comes packed.
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

template <Kind kind, class Body>
auto with_type(const Run& r, const Body& body) {
  if constexpr (kind == Kind::direct) {
    if (r.input(0).dtype == DType::bfloat16) return body(TypeTag<BrainHalf>{});
  }
  return visit_floating(r.input(0).dtype, r.operation().name, body);
}

// Runs body(job) for a convolution's job but for the image.
template <class T, class Body>
void with_job(const Run& r, const ConvShape& shape, const Body& body) {
  Conv<T> job{};
  job.shape = shape;
  job.w = r.in<T>(1);
  if (is_packed(r.attributes())) job.packed = r.in<T>(1);
  job.result = r.out<T>(0);
  job.workspace = r.workspace();
  if (!r.operation().traits.internal) return body(job);
  const int own = own_inputs(r.attributes());
  if (own == 3) job.bias = r.in<kernels::Sum<T>>(2);
  job.activation = activation_of(r);
  if constexpr (std::is_same_v<T, float>) {
    const TailCall call(r, r.prepared<PreparedTail>(), own);
    job.result = call.result();
    job.tail = call.tail();
    body(job);
  } else {
    body(job);
  }
}

template <Kind kind>
void run_forward(const Run& r) {
  with_type<kind>(r, [&](auto tag) {
    using T = typename decltype(tag)::type;
    with_job<T>(r, forward_shape<kind>(r), [&](Conv<T>& job) {
      job.x = r.in<T>(0);
      conv_functions<kind, T>(job.shape, ConvPass::forward).forward(job);
    });
  });
}

template <Kind kind>
void run_data(const Run& r) {
  with_type<kind>(r, [&](auto tag) {
    using T = typename decltype(tag)::type;
    with_job<T>(r, data_shape<kind>(r), [&](Conv<T>& job) {
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
    job.shape = kernel_shape<kind>(r);
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

// ---- Packing. The layout follows from the kernel and the image, but not its batch.

ConvPass pass_of(const Attributes& attributes) {
  return attributes.flag("transposed") ? ConvPass::data_gradient : ConvPass::forward;
}

// Calls body(functions) for the type of weights to pack.
template <class Body>
auto with_packed(DType dtype, const ConvShape& shape, ConvPass pass, const Body& body) {
  if (dtype == DType::bfloat16) return body(conv_functions<Kind::direct, BrainHalf>(shape, pass));
  return body(conv_functions<Kind::direct, float>(shape, pass));
}

std::int64_t packed_size(const Infer& in, Dims image, const Dims& w, ConvPass pass) {
  image[0] = Dim(1);
  const Shape x = to_shape(image), y = to_shape(result_dims<Kind::direct>(in, image, w));
  const ConvShape shape = conv_shape(Kind::direct, in.attributes(), x, y, to_shape(w));
  return with_packed(in.dtype(0), shape, pass,
                     [&](const auto& f) { return f.packed_size(shape, pass == ConvPass::data_gradient); });
}

// w → its packed form for the convolution of images of dims `image`, of a batch of 1, to results of dims `result`.
Specs infer_pack(const Infer& in) {
  if (in.dtype(0) != DType::bfloat16) in.require_dtype(0, DType::float32);
  const int rank = spatial_rank(in, 0) + 2;
  const Dims &image = in.attributes().dims("image"), &result = in.attributes().dims("result");
  if (static_cast<int>(image.size()) != rank || static_cast<int>(result.size()) != rank)
    in.error("'image' and 'result' must have rank ", rank, "; received ", image, " and ", result);
  require_sizes(in, image, "image");
  require_equal_dims(in, result, result_dims<Kind::direct>(in, image, in.dims(0)), "sizes of the result");
  return {{in.dtype(0), {Dim(packed_size(in, image, in.dims(0), pass_of(in.attributes())))}}};
}

void run_pack(const Run& r) {
  const Attributes& attributes = r.attributes();
  const ConvShape shape = conv_shape(Kind::direct, attributes, to_shape(attributes.dims("image")),
                                     to_shape(attributes.dims("result")), r.input(0).shape);
  const ConvPass pass = pass_of(attributes);
  with_packed(r.input(0).dtype, shape, pass, [&]<class T>(const kernels::ConvFunctions<T>& f) {
    f.pack(shape, pass == ConvPass::data_gradient, r.in<T>(0), r.out<T>(0));
  });
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

using Specifications = std::vector<AttributeSpec>;

Specifications window_attributes(Kind kind) {
  const Attribute none = std::vector<std::int64_t>{};
  Specifications list = {{"strides", AttributeKind::integers, none},
                         {"padding", AttributeKind::text, Attribute(std::string("valid"))},
                         {"pads", AttributeKind::integers, none},
                         {"dilation", AttributeKind::integers, none}};
  if (kind == Kind::direct) list.push_back({"groups", AttributeKind::integer, Attribute(std::int64_t{1})});
  return list;
}

Specifications with(Specifications list, AttributeSpec more) {
  list.push_back(std::move(more));
  return list;
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
          .gradient = forward_gradient<kind>,
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
          .gradient = data_gradient<kind>,
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
          .gradient = kernel_gradient<kind>,
          .traits = {.halves = kHalves<kind>}};
}

constexpr const char* kMadeByPasses = "made by a pass that runs after differentiation";

// The same with an epilogue; the weights may come packed.
Operation with_epilogue(Operation operation, Specs (*infer)(const Infer&)) {
  operation.max_inputs = 2 + kernels::kMaxOperands;
  operation.attributes.push_back({"bias", AttributeKind::flag, Attribute(false)});
  operation.attributes.push_back({"activation", AttributeKind::text, Attribute(std::string("none"))});
  operation.attributes.push_back({"kernel", AttributeKind::integers, Attribute(std::vector<std::int64_t>{})});
  operation.attributes = with_tail(std::move(operation.attributes));
  operation.infer = infer;
  operation.prepare = prepare_epilogue;
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
      with_epilogue(forward_operation<Kind::direct>("conv_epilogue"), infer_epilogue<infer_forward<Kind::direct>>),
      with_epilogue(data_operation<Kind::direct>("conv_data_gradient_epilogue"),
                    infer_epilogue<infer_data<Kind::direct>>),
      with_epilogue(forward_operation<Kind::depthwise>("depthwise_conv_epilogue"),
                    infer_epilogue<infer_forward<Kind::depthwise>>),
      {.name = "conv_pack",
       .min_inputs = 1,
       .max_inputs = 1,
       .attributes = with(
           with(with(window_attributes(Kind::direct), {"image", AttributeKind::dims}), {"result", AttributeKind::dims}),
           {"transposed", AttributeKind::flag, Attribute(false)}),
       .infer = infer_pack,
       .run = run_pack,
       .no_gradient = kMadeByPasses,
       .traits = {.internal = true}},
  };
  return table;
}

}  // namespace addax::ops
