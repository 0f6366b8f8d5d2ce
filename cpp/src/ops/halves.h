// float16 and bfloat16 as arithmetic: an operation without a kernel for them is float32's between two conversions, so
// that it sums in float32 and rounds each result once. Its gradient is float32's, rounded on the way back.
#pragma once

#include <optional>
#include <span>

#include "ops/operation.h"

namespace addax {

// The 16-bit type from which `apply` has to widen the operation, if there is one: that of all its floating inputs, or
// that of the attribute `dtype`. Inputs of several floating types are left to the shape rule, which knows what to say.
std::optional<DType> widened_half(const Operation& operation, std::span<const Spec> inputs,
                                  const Attributes& attributes);

// The operation on float32 copies of the inputs of dtype `half`; its float32 results as `half`.
Values apply_widened(const Operation& operation, std::span<const Value> inputs, Attributes attributes, DType half);

}  // namespace addax
