// Padding with a constant, or with the input's own elements: reflect, symmetric, edge (as numpy.pad names them).
#include <limits>
#include <optional>

#include "addax/ops.h"
#include "kernels/copy.h"
#include "kernels/elementwise.h"
#include "ops/axes.h"

namespace addax::ops {
namespace {

using kernels::PadMode;

std::optional<PadMode> mode_named(std::string_view name) {
  if (name == "constant") return PadMode::constant;
  if (name == "reflect") return PadMode::reflect;
  if (name == "symmetric") return PadMode::symmetric;
  if (name == "edge") return PadMode::edge;
  return std::nullopt;
}

// With `constant`, negative pads crop. The other modes need an element to repeat and pads of 0 or more.
Specs infer_pad(const Infer& in) {
  const Attributes& a = in.attributes();
  const Dims &low = a.dims("low"), &high = a.dims("high");
  const auto rank = static_cast<std::size_t>(in.rank(0));
  if (low.size() != rank || high.size() != rank)
    in.error("low and high must have ", rank, " entries; received ", low, " and ", high);
  const auto mode = mode_named(a.string("mode"));
  if (!mode) in.error("mode must be 'constant', 'reflect', 'symmetric' or 'edge'; received '", a.string("mode"), "'");
  Dims dims;
  for (std::size_t d = 0; d < rank; ++d) {
    const bool negative = (low[d].known() && low[d].value() < 0) || (high[d].known() && high[d].value() < 0);
    if (*mode != PadMode::constant && negative)
      in.error("pads must not be negative with mode '", a.string("mode"), "'; received ", low, " and ", high);
    const bool padded = !(low[d] == 0) || !(high[d] == 0);
    if (*mode != PadMode::constant && padded && in.dims(0)[d] == 0)
      in.error("axis ", d, " is empty: there is nothing to repeat");
    dims.push_back(in.dims(0)[d] + low[d] + high[d]);
  }
  require_sizes(in, dims, "the result");
  return {{in.dtype(0), dims}};
}

// The constant's bits as an element of the dtype.
union Item {
  bool boolean;
  std::uint8_t u8;
  std::int32_t i32;
  std::int64_t i64;
  std::uint16_t half;
  float f32;
  double f64;
};

// The nearest integer of T's range; NaN is 0.
template <class T>
T saturated(double value) {
  constexpr double low = static_cast<double>(std::numeric_limits<T>::min()),
                   high = static_cast<double>(std::numeric_limits<T>::max());
  if (!(value == value)) return 0;
  if (value <= low) return std::numeric_limits<T>::min();
  if (value >= high) return std::numeric_limits<T>::max();
  return static_cast<T>(value);
}

Item item_of(double value, DType dtype) {
  Item item{};
  switch (dtype) {
    case DType::boolean:
      item.boolean = value != 0;
      break;
    case DType::uint8:
      item.u8 = saturated<std::uint8_t>(value);
      break;
    case DType::int32:
      item.i32 = saturated<std::int32_t>(value);
      break;
    case DType::int64:
      item.i64 = saturated<std::int64_t>(value);
      break;
    case DType::float16:
    case DType::bfloat16:
      kernels::cast_row(kernels::Element::float64, static_cast<kernels::Element>(dtype))(&value, &item.half, 1);
      break;
    case DType::float32:
      item.f32 = static_cast<float>(value);
      break;
    case DType::float64:
      item.f64 = value;
      break;
  }
  return item;
}

void run_pad(const Run& r) {
  const Attributes& a = r.attributes();
  const Buffer& x = r.input(0);
  const Item value = item_of(a.number("value"), x.dtype);
  std::int64_t low[kMaxRank], high[kMaxRank];
  for (int d = 0; d < x.shape.rank(); ++d) {
    low[d] = a.dims("low")[static_cast<std::size_t>(d)].value();
    high[d] = a.dims("high")[static_cast<std::size_t>(d)].value();
  }
  kernels::pad({.in = x.data,
                .out = r.output(0).data,
                .item = static_cast<int>(size_of(x.dtype)),
                .rank = x.shape.rank(),
                .sizes = x.shape.begin(),
                .low = low,
                .high = high,
                .mode = mode_named(a.string("mode")).value(),
                .value = &value});
}

// Which element of an axis of n the elements of the padded axis come from, as the kernel computes it.
Value source_indices(const Dim& n, const Dim& low, const Dim& high, PadMode mode) {
  const Value i = iota({n + low + high}, 0, DType::int64) - dimension(low, DType::int64);
  const Value size = dimension(n, DType::int64);
  if (mode == PadMode::edge) return maximum(minimum(i, size - 1), constant_like(i, 0));
  if (n == 1) return i - i;
  const Value period = mode == PadMode::symmetric ? size * 2 : size * 2 - 2;
  const Value j = i - floor_divide(i, period) * period;
  return minimum(j, period - j - (mode == PadMode::symmetric ? 1 : 0));
}

// An element that was repeated collects the gradients of its copies, axis after axis.
Values pad_gradient(const Gradient& g) {
  const Attributes& a = g.attributes();
  const Dims &low = a.dims("low"), &high = a.dims("high"), &dims = g.input(0).dims();
  Value dx = g.upstream();
  if (a.string("mode") == "constant") {
    Dims crop_low, crop_high;
    for (std::size_t d = 0; d < dims.size(); ++d) {
      crop_low.push_back(Dim(0) - low[d]);
      crop_high.push_back(Dim(0) - high[d]);
    }
    return {pad(dx, crop_low, crop_high)};
  }
  const PadMode mode = mode_named(a.string("mode")).value();
  for (std::size_t d = 0; d < dims.size(); ++d) {
    if (low[d] == 0 && high[d] == 0) continue;
    dx = scatter_add(source_indices(dims[d], low[d], high[d], mode), dx, static_cast<int>(d), dims[d]);
  }
  return {dx};
}

}  // namespace

std::span<const Operation> pad_family() {
  static const Operation table[] = {
      {.name = "pad",
       .min_inputs = 1,
       .max_inputs = 1,
       .attributes = {{"low", AttributeKind::dims},
                      {"high", AttributeKind::dims},
                      {"mode", AttributeKind::text, Attribute(std::string("constant"))},
                      {"value", AttributeKind::number, Attribute(0.0)}},
       .infer = infer_pad,
       .run = run_pad,
       .gradient = for_training(pad_gradient),
       .traits = {.halves = Halves::moved}},
  };
  return table;
}

}  // namespace addax::ops
