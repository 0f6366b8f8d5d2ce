#include "ops/halves.h"

#include "addax/ops.h"

namespace addax {
namespace {

constexpr const char* kDType = "dtype";

bool has_kernel(const Operation& operation, DType dtype) {
  const Halves halves = operation.traits.halves;
  return halves == Halves::moved || (halves == Halves::bfloat16 && dtype == DType::bfloat16);
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

Values apply_widened(const Operation& operation, std::span<const Value> inputs, Attributes attributes, DType half) {
  Values wide(inputs.begin(), inputs.end());
  for (Value& value : wide)
    if (value.dtype() == half) value = ops::cast(value, DType::float32);
  if (attributes.has(kDType) && attributes.dtype(kDType) == half) attributes.set(kDType, DType::float32);
  Values results = apply(operation, wide, std::move(attributes));
  for (Value& value : results)
    if (value.dtype() == DType::float32) value = ops::cast(value, half);
  return results;
}

}  // namespace addax
