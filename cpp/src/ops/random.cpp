// Random draws as pure functions of a key: int64 [seed, counter]. The same key and shape give the same values on any
// number of threads.
#include "kernels/random.h"

#include <limits>

#include "kernels/broadcast.h"
#include "kernels/kernels.h"
#include "ops/axes.h"

namespace addax::ops {
namespace {

constexpr const char* kDraws = "draws do not depend on anything differentiable";

const Dims& shape_with_key(const Infer& in) {
  in.require_dtype(0, DType::int64);
  in.require_rank(0, 1);
  in.require_equal(in.dims(0)[0], 2, "the key's size");
  const Dims& shape = in.attributes().dims("shape");
  require_rank_fits(in, shape.size());
  require_sizes(in, shape, "attribute 'shape'");
  return shape;
}

Specs infer_floating_draw(const Infer& in) {
  const DType dtype = in.attributes().dtype("dtype");
  if (!is_arithmetic_floating(dtype)) in.type_error("draws are float32 or float64; received dtype ", dtype);
  return {{dtype, shape_with_key(in)}};
}

// `high` may be one beyond the dtype's largest value.
Specs infer_integers(const Infer& in) {
  const DType dtype = in.attributes().dtype("dtype");
  const std::int64_t low = in.attributes().integer("low"), high = in.attributes().integer("high");
  if (!is_integer(dtype)) in.type_error("draws are integers; received dtype ", dtype);
  if (low >= high) in.error("low must be less than high; received ", low, " and ", high);
  const auto fits = [&](std::int64_t lowest, std::int64_t highest) { return low >= lowest && high - 1 <= highest; };
  if ((dtype == DType::uint8 && !fits(0, 255)) ||
      (dtype == DType::int32 &&
       !fits(std::numeric_limits<std::int32_t>::min(), std::numeric_limits<std::int32_t>::max())))
    in.error("the range [", low, ", ", high, ") does not fit ", dtype);
  return {{dtype, shape_with_key(in)}};
}

Specs infer_gamma(const Infer& in) {
  in.require_floating(1);
  const Dims& shape = shape_with_key(in);
  if (!(broadcast(in.dims(1), shape, in.name()).size() == shape.size()))
    in.error("alpha has more axes than the draws: ", shape);
  for (std::size_t d = 0; d < in.dims(1).size(); ++d) {
    const Dim& size = in.dims(1)[in.dims(1).size() - 1 - d];
    if (!(size == 1)) in.require_equal(size, shape[shape.size() - 1 - d], "alpha's and the draws' sizes");
  }
  return {{in.dtype(1), shape}};
}

kernels::Stream stream_of(const Run& r) {
  const auto* key = r.in<std::int64_t>(0);
  return {static_cast<std::uint64_t>(key[0]), static_cast<std::uint64_t>(key[1])};
}

void run_uniform(const Run& r) {
  const std::int64_t n = r.output(0).elements();
  if (r.output(0).dtype == DType::float32)
    return kernels::kernels().random.uniform_f32(stream_of(r), r.out<float>(0), n);
  kernels::uniform_f64(stream_of(r), r.out<double>(0), n);
}

void run_normal(const Run& r) {
  const std::int64_t n = r.output(0).elements();
  if (r.output(0).dtype == DType::float32)
    return kernels::kernels().random.normal_f32(stream_of(r), r.out<float>(0), n);
  kernels::normal_f64(stream_of(r), r.out<double>(0), n);
}

void run_truncated_normal(const Run& r) {
  const std::int64_t n = r.output(0).elements();
  if (r.output(0).dtype == DType::float32)
    return kernels::kernels().random.truncated_normal_f32(stream_of(r), r.out<float>(0), n);
  kernels::truncated_normal_f64(stream_of(r), r.out<double>(0), n);
}

void run_integers(const Run& r) {
  const std::int64_t low = r.attributes().integer("low"), high = r.attributes().integer("high");
  const std::int64_t n = r.output(0).elements();
  switch (r.output(0).dtype) {
    case DType::uint8:
      return kernels::integers(stream_of(r), low, high, r.out<std::uint8_t>(0), n);
    case DType::int32:
      return kernels::integers(stream_of(r), low, high, r.out<std::int32_t>(0), n);
    default:
      return kernels::integers(stream_of(r), low, high, r.out<std::int64_t>(0), n);
  }
}

// The shapes are spread over the output first, then replaced by their draws.
void run_gamma(const Run& r) {
  const Buffer &alpha = r.input(1), &y = r.output(0);
  const kernels::OperandShape shape{alpha.shape.begin(), alpha.shape.rank()};
  const auto layout = kernels::make_broadcast_layout(y.shape.begin(), y.shape.rank(), &shape, 1);
  kernels::run_broadcast(layout, alpha.data, static_cast<int>(size_of(alpha.dtype)), y.data);
  visit_floating(y.dtype, "random_gamma", [&](auto tag) {
    using T = typename decltype(tag)::type;
    kernels::gamma(stream_of(r), static_cast<const T*>(r.out<T>(0)), r.out<T>(0), y.elements());
  });
}

Operation draw(const char* name, void (*run)(const Run&)) {
  return {.name = name,
          .min_inputs = 1,
          .max_inputs = 1,
          .attributes = {{"shape", AttributeKind::dims}, {"dtype", AttributeKind::dtype, DType::float32}},
          .infer = infer_floating_draw,
          .run = run,
          .no_gradient = kDraws};
}

}  // namespace

std::span<const Operation> random_family() {
  static const Operation table[] = {
      draw("random_uniform", run_uniform),
      draw("random_normal", run_normal),
      draw("random_truncated_normal", run_truncated_normal),
      {.name = "random_integers",
       .min_inputs = 1,
       .max_inputs = 1,
       .attributes = {{"shape", AttributeKind::dims},
                      {"low", AttributeKind::integer},
                      {"high", AttributeKind::integer},
                      {"dtype", AttributeKind::dtype, DType::int32}},
       .infer = infer_integers,
       .run = run_integers,
       .no_gradient = kDraws},
      {.name = "random_gamma",
       .min_inputs = 2,
       .max_inputs = 2,
       .attributes = {{"shape", AttributeKind::dims}},
       .infer = infer_gamma,
       .run = run_gamma,
       .no_gradient = "draws by rejection have no derivative along their path"},
  };
  return table;
}

}  // namespace addax::ops
