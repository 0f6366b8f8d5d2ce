#include "ops/halves.h"

#include "addax/ops.h"

namespace addax {
namespace {

constexpr const char* kDType = "dtype";

bool has_kernel(const Operation& operation, DType dtype) {
  const Halves halves = operation.traits.halves;
  return halves == Halves::moved || (halves == Halves::bfloat16 && dtype == DType::bfloat16);
}

// As `ops::cast`, but implied and not shown to tapes.
Value converted(const Value& value, DType dtype) {
  static const Operation& cast = operation_named("cast");
  Attributes attributes;
  attributes.set(kDType, dtype);
  attributes.set("implied", true);
  return run_or_record(cast, std::span(&value, 1), attributes)[0];
}

Value implied_cast(const Value& value, DType dtype) {
  return apply_one(operation_named("cast"), {value}, {{kDType, dtype}, {"implied", true}});
}

Attributes widened(Attributes attributes, DType half) {
  if (attributes.has(kDType) && attributes.dtype(kDType) == half) attributes.set(kDType, DType::float32);
  return attributes;
}

}  // namespace

std::optional<DType> widened_half(const Operation& operation, std::span<const Spec> inputs,
                                  const Attributes& attributes) {
  std::optional<DType> half;
  for (const Spec& spec : inputs) {
    if (!is_floating(spec.dtype)) continue;
    if (!is_half(spec.dtype) || (half && *half != spec.dtype)) return std::nullopt;
    half = spec.dtype;
  }
  if (!half && attributes.has(kDType) && is_half(attributes.dtype(kDType))) half = attributes.dtype(kDType);
  return half && !has_kernel(operation, *half) ? half : std::nullopt;
}

Values apply_widened(const Operation& operation, std::span<const Value> inputs, const Attributes& attributes,
                     DType half) {
  Values wide(inputs.begin(), inputs.end());
  for (Value& value : wide)
    if (value.dtype() == half) value = implied_cast(value, DType::float32);
  Values results = apply(operation, wide, widened(attributes, half));
  for (Value& value : results)
    if (value.dtype() == DType::float32) value = implied_cast(value, half);
  return results;
}

Values run_widened(const Operation& operation, std::span<const Value> inputs, const Attributes& attributes,
                   DType half) {
  Values wide(inputs.begin(), inputs.end());
  for (Value& value : wide)
    if (value.dtype() == half) value = converted(value, DType::float32);
  Attributes own = widened(attributes, half);
  Values results = run_or_record(operation, wide, own);
  for (Value& value : results)
    if (value.dtype() == DType::float32) value = converted(value, half);
  return results;
}

Values gradient_of(const Operation& operation, const Attributes& attributes, const Values& inputs,
                   const Values& outputs, const Values& upstream, const std::vector<bool>& wanted) {
  Specs specs;
  for (const Value& value : inputs) specs.push_back(value.spec());
  const std::optional<DType> half = widened_half(operation, specs, attributes);
  if (!half) return operation.gradient({operation, attributes, inputs, outputs, upstream, wanted});
  const auto widen = [&](Values values) {
    for (Value& value : values)
      if (value && value.dtype() == *half) value = implied_cast(value, DType::float32);
    return values;
  };
  const Values in = widen(inputs), out = widen(outputs), up = widen(upstream);
  const Attributes own = widened(attributes, *half);
  Values gradients = operation.gradient({operation, own, in, out, up, wanted});
  for (std::size_t i = 0; i < gradients.size() && i < inputs.size(); ++i)
    if (gradients[i] && inputs[i].dtype() == *half) gradients[i] = implied_cast(gradients[i], *half);
  return gradients;
}

}  // namespace addax
