// Values that come from attributes alone: constants, counters, sizes.
#include "kernels/broadcast.h"
#include "ops/axes.h"

namespace addax::ops {
namespace {

constexpr const char* kConstant = "it has no inputs";

const Dims& shape_attribute(const Infer& in) {
  const Dims& shape = in.attributes().dims("shape");
  require_rank_fits(in, shape.size());
  require_sizes(in, shape, "attribute 'shape'");
  return shape;
}

Specs infer_full(const Infer& in) { return {{in.attributes().dtype("dtype"), shape_attribute(in)}}; }

Specs infer_iota(const Infer& in) {
  const DType dtype = in.attributes().dtype("dtype");
  if (!is_integer(dtype) && !is_arithmetic_floating(dtype)) in.type_error("counts are numbers; received dtype ", dtype);
  const Dims& shape = shape_attribute(in);
  in.normalize_axis("axis", static_cast<int>(shape.size()));
  return {{dtype, shape}};
}

Specs infer_dimension(const Infer& in) {
  const DType dtype = in.attributes().dtype("dtype");
  if (!is_integer(dtype) && !is_arithmetic_floating(dtype)) in.type_error("a size is a number; received dtype ", dtype);
  one_size(in, "size");
  return {{dtype, {}}};
}

// One value of the output's type at `to`.
void write_value(double value, const Buffer& y, void* to) {
  kernels::cast_row(kernels::Element::float64, static_cast<kernels::Element>(y.dtype))(&value, to, 1);
}

void run_full(const Run& r) {
  const Buffer& y = r.output(0);
  alignas(8) char value[8];
  write_value(r.attributes().number("value"), y, value);
  const kernels::OperandShape scalar{nullptr, 0};
  const auto layout = kernels::make_broadcast_layout(y.shape.begin(), y.shape.rank(), &scalar, 1);
  kernels::run_broadcast(layout, value, static_cast<int>(size_of(y.dtype)), y.data);
}

void run_iota(const Run& r) {
  const AxisView v = along(r.output(0).shape, r.attributes().axis("axis"));
  visit_number(r.output(0).dtype, "iota", [&](auto tag) {
    using T = typename decltype(tag)::type;
    T* y = r.out<T>(0);
    for (std::int64_t o = 0; o < v.outer; ++o)
      for (std::int64_t i = 0; i < v.size; ++i)
        for (std::int64_t k = 0; k < v.inner; ++k) *y++ = static_cast<T>(i);
  });
}

void run_dimension(const Run& r) {
  const std::int64_t size = r.attributes().dim("size").value();
  visit_number(r.output(0).dtype, "dimension", [&](auto tag) {
    using T = typename decltype(tag)::type;
    *r.out<T>(0) = static_cast<T>(size);
  });
}

}  // namespace

std::span<const Operation> creation_family() {
  static const Operation table[] = {
      {.name = "full",
       .min_inputs = 0,
       .max_inputs = 0,
       .attributes = {{"shape", AttributeKind::dims},
                      {"value", AttributeKind::number},
                      {"dtype", AttributeKind::dtype, DType::float32}},
       .infer = infer_full,
       .run = run_full,
       .no_gradient = kConstant,
       .traits = {.halves = Halves::moved}},
      {.name = "iota",
       .min_inputs = 0,
       .max_inputs = 0,
       .attributes = {{"shape", AttributeKind::dims},
                      {"axis", AttributeKind::integer, std::int64_t{0}},
                      {"dtype", AttributeKind::dtype, DType::int32}},
       .infer = infer_iota,
       .run = run_iota,
       .no_gradient = kConstant},
      {.name = "dimension",
       .min_inputs = 0,
       .max_inputs = 0,
       .attributes = {{"size", AttributeKind::dims}, {"dtype", AttributeKind::dtype, DType::int32}},
       .infer = infer_dimension,
       .run = run_dimension,
       .no_gradient = kConstant},
  };
  return table;
}

}  // namespace addax::ops
