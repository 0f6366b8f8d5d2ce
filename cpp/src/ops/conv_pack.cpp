#include "ops/conv_pack.h"

#include "ops/axes.h"

namespace addax::ops {

using kernels::BrainHalf;
using kernels::ConvPass;
using kernels::ConvShape;

bool is_packed(const Attributes& attributes) {
  return attributes.has("kernel") && !attributes.integers("kernel").empty();
}

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

namespace {

// Calls body(functions) for the type of weights to pack.
template <class Body>
auto with_packed(DType dtype, const ConvShape& shape, ConvPass pass, const Body& body) {
  if (dtype == DType::bfloat16) return body(conv_functions<Kind::direct, BrainHalf>(shape, pass));
  return body(conv_functions<Kind::direct, float>(shape, pass));
}

// The values of the weights, packed for images of the given dims, all known but the batch.
std::int64_t packed_size(const Infer& in, Dims image, const Dims& w, ConvPass pass) {
  image[0] = Dim(1);
  const Shape x = to_shape(image), y = to_shape(result_dims(Kind::direct, in, image, w));
  const ConvShape shape = conv_shape(Kind::direct, in.attributes(), x, y, to_shape(w));
  return with_packed(in.dtype(0), shape, pass,
                     [&](const auto& f) { return f.packed_size(shape, pass == ConvPass::data_gradient); });
}

ConvPass pass_of(const Attributes& attributes) {
  return attributes.flag("transposed") ? ConvPass::data_gradient : ConvPass::forward;
}

// w → its packed form for the convolution of images of dims `image`, of a batch of 1, to results of dims `result`. The
// layout follows from the kernel and the image, but not its batch.
Specs infer_pack(const Infer& in) {
  if (in.dtype(0) != DType::bfloat16) in.require_dtype(0, DType::float32);
  const int rank = spatial_rank(in, 0) + 2;
  const Dims &image = in.attributes().dims("image"), &result = in.attributes().dims("result");
  if (static_cast<int>(image.size()) != rank || static_cast<int>(result.size()) != rank)
    in.error("'image' and 'result' must have rank ", rank, "; received ", image, " and ", result);
  require_sizes(in, image, "image");
  require_equal_dims(in, result, result_dims(Kind::direct, in, image, in.dims(0)), "sizes of the result");
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

}  // namespace

void check_packed(const Infer& in, const Dims& image, const Dims& w, ConvPass pass) {
  if (!is_packed(in.attributes())) return;
  // Packed weights are no fewer than those of the kernel: one that claims more is not measured any further.
  const Dim& there = in.dims(1)[0];
  if (!there.known() || there.value() < to_shape(w).elements() || there.value() != packed_size(in, image, w, pass))
    in.error("the weights are not packed for this convolution");
}

Operation pack_operation() {
  return {.name = "conv_pack",
          .min_inputs = 1,
          .max_inputs = 1,
          .attributes = with(with(with(window_attributes(Kind::direct), {"image", AttributeKind::dims}),
                                  {"result", AttributeKind::dims}),
                             {"transposed", AttributeKind::flag, Attribute(false)}),
          .infer = infer_pack,
          .run = run_pack,
          .no_gradient = kMadeByPasses,
          .traits = {.internal = true}};
}

}  // namespace addax::ops
